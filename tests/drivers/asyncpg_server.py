"""A pytest plugin that tells asyncpg's tests all of the server that PGHOST and its kin name.

They ask `cluster.RunningCluster` where the server is, which knows nothing and leaves it to the
driver to look into the environment; tests that put a proxy of their own in between need it said.
"""

import os

from asyncpg import cluster


def connection_spec(self):
    found = {"host": os.environ["PGHOST"], "port": int(os.environ["PGPORT"]),
             "user": os.environ["PGUSER"], "password": os.environ["PGPASSWORD"],
             "database": os.environ["PGDATABASE"]}
    return {**found, **self.conn_spec}


cluster.RunningCluster.get_connection_spec = connection_spec
