"""Scripts of client messages by subject; ALL has every one of them by name."""

from . import (batches, binary, copying, errors, functions, large, names, portals, prepared,
               settings, simple, startup, temporary, transactions)

MODULES = (simple, batches, errors, portals, prepared, names, binary, transactions, settings,
           startup, temporary, copying, functions, large)


def collect():
    found = {}
    for module in MODULES:
        subject = module.__name__.rpartition(".")[2]
        for name, script in module.SCRIPTS.items():
            assert name not in found, f"two scripts are called {name}"
            found[name] = (subject, script)
    return found


ALL = {name: script for name, (_, script) in collect().items()}
SUBJECTS = {name: subject for name, (subject, _) in collect().items()}
