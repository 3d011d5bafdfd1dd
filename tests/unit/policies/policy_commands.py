"""Policy commands run in this process, and what they are run on."""

from click.testing import CliRunner

SAME = 'base_url: "http://127.0.0.1:1/v1", model: m'
CONFIG = f"""\
version: 1
backends:
  local: {{{SAME}, ability: local, price: {{input: 0.02, output: 0.04}}}}
  moe: {{{SAME}, ability: moe, price: {{input: 0.3, output: 1.2}}}}
  premium: {{{SAME}, ability: premium, price: {{input: 5, output: 30}}}}
"""


def run(command, *arguments):
    return CliRunner().invoke(command, [str(each) for each in arguments], catch_exceptions=False)
