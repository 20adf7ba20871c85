"""${message}."""

${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    """Say what this step makes, and why."""
    ${upgrades if upgrades else "pass"}
