"""Following a runbook: its own commands, in its order."""

import re
import subprocess

from service.settings import HOME
from tests.support.running import DISCOUNT


def blocks_of(name, language, *tools):
    """Return what a runbook has in blocks of a language, without their indentation.

    A word after the language names the tool that the block is for; others' blocks are left out.
    """
    text = (HOME / "docs" / "runbooks" / name).read_text()
    wanted = "|".join(["", *(f" {tool}" for tool in tools)])
    found = re.findall(
        rf"^( *)```{language}(?:{wanted})\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL
    )
    return "".join(re.sub(f"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found)


def follow(name, env, *tools, **changed):
    """Run every command of a runbook, with other values for some variables; return its output."""
    script = blocks_of(name, "sh", *tools)
    for variable, value in changed.items():
        line = f"{variable}='{value}'"
        script, count = re.subn(f"^{variable}=.*$", line, script, flags=re.MULTILINE)
        assert 1 == count
    done = subprocess.run(
        ["/bin/bash", "-euc", script],
        env={**env, "PATH": f"{DISCOUNT.parent}:{env['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert 0 == done.returncode, done.stdout + done.stderr
    return done.stdout
