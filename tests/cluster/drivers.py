"""How tests connect: psycopg and asyncpg with the parameters of a Pgweir, Direct or Node."""

import asyncpg
import psycopg


def connect(server, autocommit=True, **changes):
    """A psycopg connection; `changes` may hold user, database, password and libpq's keywords."""
    named = {name: changes.pop(name) for name in ("user", "database", "password")
             if name in changes}
    parameters = {"connect_timeout": 20, "gssencmode": "disable",
                  **server.parameters(**named), **changes}
    return psycopg.connect(autocommit=autocommit, **parameters)


def value(connection, sql, arguments=None):
    """The first column of the first row."""
    return connection.execute(sql, arguments).fetchone()[0]


def asyncpg_parameters(server, **changes):
    parameters = server.parameters()
    parameters["database"] = parameters.pop("dbname")
    return {"ssl": False, "timeout": 20, "command_timeout": 60, **parameters, **changes}


async def connect_asyncpg(server, **changes):
    return await asyncpg.connect(**asyncpg_parameters(server, **changes))


def sqlstate_of_refusal(server, **changes):
    """The SQLSTATE and message with which a connection is refused.

    psycopg raises OperationalError without SQLSTATE for a failed login, hence asyncpg.
    """
    import asyncio

    async def attempt():
        try:
            connection = await connect_asyncpg(server, **changes)
        except asyncpg.PostgresError as error:
            return error.sqlstate, str(error)
        await connection.close()
        return None, "connected"

    return asyncio.run(attempt())
