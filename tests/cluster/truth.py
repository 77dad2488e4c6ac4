"""Where a statement ran, told by the nodes' own logs (log_statement = all): also one that failed
there, and also one that was then sent to another node."""

import contextlib
import os
import re
import uuid


def new_tag():
    return uuid.uuid4().hex


def tagged(sql, tag):
    """The statement with a comment behind it that is found in a log."""
    return f"{sql}\n/* tag {tag} */"


@contextlib.contextmanager
def logging(cluster):
    """All nodes write each statement into their logs."""
    for node in cluster.nodes:
        node.configure(log_statement="all")
    cluster.wait_replayed()
    try:
        yield
    finally:
        for node in cluster.nodes:
            node.configure(log_statement="none")


def places(cluster, tag):
    """The roles of the nodes whose log has the statement with this tag."""
    return {"primary" if node is cluster.primary else "replica"
            for node in cluster.nodes if node.log_grep(tag)}


def run(connection, sql, extended):
    """Runs the statement on a psycopg connection, whatever becomes of it; returns its tag."""
    tag = new_tag()
    text = tagged(sql, tag).encode()
    if extended:
        connection.pgconn.exec_params(text, [])
    else:
        connection.pgconn.exec_(text)
    return tag


class Reader:
    """Reads what the logs got since it was made, once, for many tags."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.starts = {node: os.path.getsize(node.log_path) for node in cluster.nodes}

    def places(self):
        """{tag: the roles of the nodes that logged it}"""
        found = {}
        for node, start in self.starts.items():
            role = "primary" if node is self.cluster.primary else "replica"
            with open(node.log_path, "rb") as log:
                log.seek(start)
                for tag in re.findall(rb"/\* tag (\w+) \*/", log.read()):
                    found.setdefault(tag.decode(), set()).add(role)
        return found
