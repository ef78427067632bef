"""All hand-written scripts by name. Those of tests/integration/test_extended.py are played here too, in every mode."""

import scripts_left
import scripts_mended
import scripts_names
import scripts_pipelines
import scripts_sessions
import scripts_settings
import scripts_statements
from model import Script
from test_extended import SCRIPTS as EXTENDED

SCRIPTS = {
    **{f"extended: {name}": Script(*(("a", messages, until) for messages, until in steps)) for name, steps in EXTENDED.items()},
    **scripts_statements.SCRIPTS,
    **scripts_names.SCRIPTS,
    **scripts_pipelines.SCRIPTS,
    **scripts_sessions.SCRIPTS,
    **scripts_settings.SCRIPTS,
    **scripts_left.SCRIPTS,
    **scripts_mended.SCRIPTS,
}
