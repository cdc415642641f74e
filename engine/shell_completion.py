"""Completion of commands and flags in a shell, generated from the parsers of all commands."""

from collections.abc import Iterable, Mapping

from mlukit.engine.command_parser import CommandParser

SHELLS = ("bash", "zsh")
_FOR_ZSH = "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n"
_SCRIPT = """\
_mlukit() {{
  local words
  case ${{COMP_WORDS[1]}} in
{cases}
  esac
  [ "$COMP_CWORD" -gt 1 ] || words='{commands}'
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o default -F _mlukit mlukit
"""


def completion(shell: str, parsers: Mapping[str, CommandParser], flags: Iterable[str]) -> str:
    """Returns the completion script for a shell.

    Args:
        shell: one of `SHELLS`.
        parsers: the parser of each command, by name.
        flags: the flags of mlukit itself.
    """
    cases = "\n".join(f"    {name}) words='{' '.join(parser.flags)}' ;;" for name, parser in parsers.items())
    script = _SCRIPT.format(cases=cases, commands=" ".join([*parsers, *flags]))
    return f"{_FOR_ZSH if shell == 'zsh' else ''}{script}"
