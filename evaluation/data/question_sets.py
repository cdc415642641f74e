"""The files of question answering that a folder has: SQuAD 1.1 to train on, XQuAD and MLQA to test.

A test is named by its set, the language of the context, and the language of the question where it is another one:
"xquad-de", "mlqa-de", "mlqa-de-es".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from mlukit.evaluation.data.official_files import OfficialFileError, OfficialSet, official_set
from mlukit.evaluation.data.squad_files import Question, QuestionFile, read_questions
from mlukit.evaluation.errors import EvaluationError
from mlukit.evaluation.metrics.answers import MLQA_LANGUAGES
from mlukit.schemas.wording import counted

SQUAD, XQUAD, MLQA, PAIRS = "squad", "xquad", "mlqa", "mlqa-pairs"
SETS = (XQUAD, MLQA, PAIRS)
ALL, NONE = "all", "none"
TRAININGS = (SQUAD, XQUAD, NONE)
ENGLISH = "en"
XQUAD_TRAIN, XQUAD_DEV = 36, 4  # of XQuAD's 48 articles, in the order of the file; the other 8 are the test
_XQUAD_LANGUAGES = tuple(file.split(".")[1] for file in official_set(XQUAD).files)


@dataclass(slots=True)
class QuestionSets:
    """What was read.

    Attributes:
        train: the questions to train on, in English.
        dev: the questions that choose the epoch, in English.
        tests: of each test.
        files: that were read.
        unanswered: the questions without an answer.
        misplaced: the questions whose answer is not where the file says.
        untrained: those that training leaves out for one of these reasons.
    """

    train: Sequence[Question] = ()
    dev: Sequence[Question] = ()
    tests: dict[str, Sequence[Question]] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)
    unanswered: list[str] = field(default_factory=list)
    misplaced: list[str] = field(default_factory=list)
    untrained: list[str] = field(default_factory=list)


def set_of(test: str) -> str:
    """The set of a test, or of "dev": it decides the metric and the form of candidate files."""
    return MLQA if test.startswith(f"{MLQA}-") else XQUAD if test.startswith(f"{XQUAD}-") else SQUAD


def read_question_sets(folder: Path, training: str, sets: str) -> QuestionSets:
    """Reads the files to train on, and every test of some sets that the folder has.

    Args:
        folder: --data.
        training: one of `TRAININGS`.
        sets: some of `SETS`, comma-separated, or "all" for those that the folder has.

    Raises:
        EvaluationError: a value is not accepted, or a file is missing or is not what it should be.
    """
    if training not in TRAININGS:
        raise EvaluationError(f"--training {training}: accepted are {', '.join(TRAININGS)}")
    found = QuestionSets()
    if training == SQUAD:
        found.train = _read(found, folder, SQUAD, "train-v1.1.json").questions
        found.unanswered, found.misplaced = [], []  # `untrained` has them
        found.dev = _read(found, folder, SQUAD, "dev-v1.1.json").questions
    elif training == XQUAD:
        articles = _read(found, folder, XQUAD, f"xquad.{ENGLISH}.json").articles
        if len(articles) <= XQUAD_TRAIN + XQUAD_DEV:
            needed = XQUAD_TRAIN + XQUAD_DEV
            problem = f"it has {counted(len(articles), 'article')}; --training {XQUAD} needs more than {needed}"
            raise official_set(XQUAD).wrong(found.files[0], problem)
        found.train = [one for article in articles[:XQUAD_TRAIN] for one in article]
        found.dev = [one for article in articles[XQUAD_TRAIN : XQUAD_TRAIN + XQUAD_DEV] for one in article]
    found.untrained = [one.id for one in found.train if one.start is None]
    found.train = [one for one in found.train if one.start is not None]
    for test, file in _tests(found, folder, sets):
        first = XQUAD_TRAIN + XQUAD_DEV if training == XQUAD and set_of(test) == XQUAD else 0
        found.tests[test] = [one for article in file.articles[first:] for one in article]
    return found


def _tests(found: QuestionSets, folder: Path, sets: str) -> Iterator[tuple[str, QuestionFile]]:
    asked = SETS if sets == ALL else tuple(filter(None, map(str.strip, sets.split(","))))
    for name in asked:
        if name not in SETS:
            raise EvaluationError(f"--sets {sets}: accepted are {', '.join(SETS)}, comma-separated, or {ALL}")
    chosen = []
    for name in asked:
        official = official_set(XQUAD if name == XQUAD else MLQA)
        files = _files_of(name)
        present = [test for test, file in files.items() if official.find_if_there(folder, file)]
        if not present and sets != ALL:
            _refuse(official, folder, next(iter(files.values())), sets)
        chosen += [(test, official.name, files[test]) for test in present]
    if not chosen:
        _refuse(official_set(XQUAD), folder, f"xquad.{ENGLISH}.json", sets)
    for test, of_set, file in chosen:
        yield test, _read(found, folder, of_set, file)


def _refuse(official: OfficialSet, folder: Path, file: str, sets: str) -> None:
    """Raises the error about a set of which no file is there."""
    try:
        official.find(folder, file)
    except OfficialFileError as error:
        raise OfficialFileError(f"--sets {sets}: {error}") from error


def _files_of(name: str) -> Mapping[str, str]:
    """The file of each test of a set."""
    if name == XQUAD:
        return {f"{XQUAD}-{language}": f"xquad.{language}.json" for language in (ENGLISH, *_others(_XQUAD_LANGUAGES))}
    languages = (ENGLISH, *_others(MLQA_LANGUAGES))
    if name == MLQA:
        return {f"{MLQA}-{one}": f"test-context-{one}-question-{one}.json" for one in languages}
    pairs = [(context, question) for context, question in product(languages, repeat=2) if context != question]
    return {f"{MLQA}-{one}-{other}": f"test-context-{one}-question-{other}.json" for one, other in pairs}


def _others(languages: Sequence[str]) -> Sequence[str]:
    return [one for one in languages if one != ENGLISH]


def _read(found: QuestionSets, folder: Path, name: str, file: str) -> QuestionFile:
    official = official_set(name)
    path = official.find(folder, file)
    language = question_language = title_language = ENGLISH
    if name == XQUAD:
        language = question_language = file.split(".")[1]
    elif name == MLQA:
        language, question_language = file.removesuffix(".json").split("-")[2::2]
        title_language = language
    read = read_questions(official, path, language, question_language, title_language)
    if path not in found.files:
        found.files.append(path)
        found.unanswered += [f"{path.name} {one}" for one in read.unanswered]
        found.misplaced += [f"{path.name} {one}" for one in read.misplaced]
    return read
