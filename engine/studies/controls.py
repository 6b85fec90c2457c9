"""What a study is asked, and what each of its trials is: what is asked of one never reaches another."""

from engine.protocol.control import Asked, Flag


class Controls:
    """The control of each trial under way, asked what the study is asked by its own.

    Args:
        study: the control of the study.
    """

    def __init__(self, study: Flag) -> None:
        self.word = Asked.RUN  # what the whole study is asked: to run, to pause or to stop
        self._study = study
        self._trials: dict[int, Flag] = {}

    def listen(self) -> None:
        """From now on pass on what the study is asked."""
        self._study.heard = self.pass_on
        self.pass_on(self._study.asked())

    def pass_on(self, what: Asked) -> None:
        """Ask the trials what the study is asked, from any thread; what ends one trial is for the first alone.

        Who ends a trial of a study that is paused goes on with the others.
        """
        of_one = what not in (Asked.RUN, Asked.PAUSE, Asked.STOP)
        if self.word is not Asked.STOP:
            self.word = Asked.RUN if of_one else what
        for place, flag in enumerate(tuple(self._trials.values())):
            flag.why = self._study.why
            flag.ask(self.word if of_one and place else what)

    def add(self, trial: int) -> Flag:
        """The control of a new trial, by its number; it is asked what the study is."""
        self._trials[trial] = flag = Flag()
        flag.why = self._study.why
        asked = Asked.RUN
        while asked is not self.word:  # which may change at this moment
            asked = self.word
            flag.ask(asked)
        return flag

    def remove(self, trial: int) -> None:
        """It is no longer under way."""
        del self._trials[trial]
