"""SCRAM-SHA-256 (RFC 5802, RFC 7677), both sides, each step apart so that a peer can do it wrong."""

import base64
import functools
import hashlib
import hmac


def encode(data):
    return base64.b64encode(data).decode()


def mac(key, text):
    text = text if isinstance(text, bytes) else text.encode()
    return hmac.new(key, text, hashlib.sha256).digest()


@functools.lru_cache(maxsize=256)
def salted_password(password, salt, iterations):
    return hashlib.pbkdf2_hmac("sha256", password.encode(), salt, iterations)


def attributes(message):
    """{"r": …, "s": …, "i": …}"""
    return dict(part.split("=", 1) for part in message.split(",") if "=" in part)


def client_proof(password, salt, iterations, auth_message):
    client_key = mac(salted_password(password, salt, iterations), "Client Key")
    signature = mac(hashlib.sha256(client_key).digest(), auth_message)
    return encode(bytes(a ^ b for a, b in zip(client_key, signature)))


def server_signature(password, salt, iterations, auth_message):
    return encode(mac(mac(salted_password(password, salt, iterations), "Server Key"), auth_message))


def verifier(password, salt=b"0123456789abcdef", iterations=4096):
    """As in pg_authid and users.txt."""
    salted = salted_password(password, salt, iterations)
    stored = hashlib.sha256(mac(salted, "Client Key")).digest()
    return f"SCRAM-SHA-256${iterations}:{encode(salt)}${encode(stored)}:" \
           f"{encode(mac(salted, 'Server Key'))}"
