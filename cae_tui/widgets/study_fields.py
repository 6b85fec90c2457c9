"""The fields of a study: which hyperparameters with which values, around which baseline, picked by which rule."""

from collections.abc import Iterator, Mapping, Sequence

from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Static

from cae_tui.widgets.field_form import FieldForm
from cae_tui.widgets.fields import FieldRow, Group
from engine.specs.fields import SpecField
from engine.studies.spec import study_fields

FIRST = ("mode", "values", "baseline", "repeats", "rule", "ask")
"""Those that do not fold away."""
ABOUT = {
    "one": "One hyperparameter and its values, the rest at the baseline: layers=8,10,12",
    "guided": "One after the other, each pick carried on. Leave it empty for the order and values of the 2020 report.",
    "grid": "Every combination of several hyperparameters: layers=8,10 kernels=16,32",
    "search": "Optuna proposes from a range kernels=16..64 or a list layers=8,10. Leave it empty for a usual space.",
}
"""The kinds that are asked for in this form; what an encoder is worth is asked on its report."""


def _field(name: str, title: str, description: str, choices: tuple[str, ...] = ()) -> SpecField:
    return SpecField(
        name=name, title=title, description=description, group="Study", unit="", type=str, choices=choices,
        default="", required=False,
    )  # fmt: skip


class StudyFields(VerticalScroll, FieldForm, can_focus=False):
    """The form of a study.

    Args:
        values: text by field, put over what a new form has.
        baselines: what can be a baseline; the first is, unless `values` name another of them.
    """

    def __init__(self, values: Mapping[str, str], baselines: Sequence[str]) -> None:
        super().__init__(id="form", classes="card")
        self.border_title = "Study"
        self._usual = {field.name: field.default or "" for field in study_fields()}
        self.values = {
            "mode": "one", "values": "", "baseline": baselines[0], **self._usual, "rule": "auto", **values
        }  # fmt: skip
        if self.values["baseline"] not in baselines:
            self.values["baseline"] = baselines[0]
        fields = [
            _field("mode", "Kind", "Chooses which points are tried.", tuple(ABOUT)),
            _field("values", "Values", "Names hyperparameters and their values."),
            _field("baseline", "Baseline", "Sets what all points share, except for what varies.", tuple(baselines)),
        ]
        for field in study_fields():
            rule = field.name == "rule"
            fields.append(_field("rule", field.title, field.description, ("auto", *field.choices)) if rule else field)
        self.rows = {field.name: FieldRow(field, self.values[field.name]) for field in fields}
        self.rows["values"].control.placeholder = "layers=8,10,12"  # type: ignore[union-attr]  # this field is an Input

    def compose(self) -> Iterator[Widget]:
        """The fields, and a place for what the kind of study is."""
        yield from (self.rows[name] for name in FIRST)
        yield Group("More", [row for name, row in self.rows.items() if name not in FIRST])
        yield Static("", id="about", markup=False)

    @property
    def settings(self) -> dict[str, str]:
        """The fields of a `StudySpec` as they are typed; a rule that is left to the study is none."""
        return {
            name: self.values[name] for name in self._usual if name != "rule" or self.values["rule"] != "auto"
        }  # fmt: skip

    @property
    def empty(self) -> bool:
        """Whether nothing was said yet of what is varied, so that there is nothing to find fault with."""
        return not self.values["values"].strip() and self.values["mode"] in ("one", "grid")

    def show(self, problems: Mapping[str, str]) -> None:
        """Draw the fields that mean something now, what is wrong with them, and which are not as usual."""
        for name, row in self.rows.items():
            row.tell(problems.get(name, ""))
            row.display = self._applies(name)
            row.mark(name in self._usual and name != "rule" and self.values[name] != self._usual[name], "")

    def _applies(self, name: str) -> bool:
        """Whether a field means something for the kind and the rule that stand."""
        mode, rule = self.values["mode"], self.values["rule"]
        match name:
            case "ask":
                return mode == "guided"
            case "trials" | "minutes" | "prune" | "search_seed":
                return mode == "search"
            case "exponent":
                return rule == "trade" or (rule == "auto" and mode != "search")
            case "tolerance" | "budget":
                return rule == name
        return True
