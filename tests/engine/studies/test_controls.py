import pytest

from engine.protocol.control import Asked, Flag
from engine.studies.controls import Controls

OF_ONE = [Asked.SKIP, Asked.PRUNE, Asked.FINISH]


def controls(study: Flag, trials: int) -> tuple[Controls, list[Flag]]:
    made = Controls(study)
    made.listen()
    return made, [made.add(number) for number in range(1, trials + 1)]


@pytest.mark.parametrize("what", OF_ONE)
def test_what_ends_one_trial_is_asked_of_the_first_under_way_and_of_no_other(what: Asked) -> None:
    study = Flag()
    made, (first, second) = controls(study, 2)
    study.ask(what)
    assert (first.asked(), second.asked()) == (what, Asked.RUN)
    made.remove(1)
    assert made.add(3).asked() is Asked.RUN
    study.ask(what)
    assert second.asked() is what


@pytest.mark.parametrize("what", [*Asked])
def test_what_is_asked_of_one_trial_alone_is_asked_of_no_other(what: Asked) -> None:
    made, (first, second) = controls(Flag(), 2)
    first.ask(what)
    assert (first.asked(), second.asked(), made.add(3).asked()) == (what, Asked.RUN, Asked.RUN)


@pytest.mark.parametrize("what", [Asked.PAUSE, Asked.STOP])
def test_what_is_asked_of_the_study_is_asked_of_every_trial_and_of_those_to_come(what: Asked) -> None:
    study = Flag()
    study.why = "The terminal was closed."
    made, trials = controls(study, 2)
    study.ask(what)
    trials.append(made.add(3))
    assert [flag.asked() for flag in trials] == [what] * 3
    assert {flag.why for flag in trials} == {study.why}
    study.ask(Asked.RUN)
    assert [flag.asked() for flag in trials] == [Asked.STOP if what is Asked.STOP else Asked.RUN] * 3


@pytest.mark.parametrize("what", OF_ONE)
def test_a_study_that_is_paused_goes_on_with_the_others_where_one_of_its_trials_is_ended(what: Asked) -> None:
    study = Flag()
    made, (first, second) = controls(study, 2)
    study.ask(Asked.PAUSE)
    study.ask(what)
    assert (first.asked(), second.asked(), made.add(3).asked()) == (what, Asked.RUN, Asked.RUN)


def test_a_trial_that_was_paused_by_itself_goes_on_where_the_study_is_asked_to() -> None:
    study = Flag()
    _, (first, second) = controls(study, 2)
    first.ask(Asked.PAUSE)
    study.ask(Asked.RUN)
    assert (first.asked(), second.asked()) == (Asked.RUN, Asked.RUN)


def test_what_was_asked_before_anybody_listened_is_heard() -> None:
    study = Flag()
    study.ask(Asked.STOP)
    assert controls(study, 1)[1][0].asked() is Asked.STOP
