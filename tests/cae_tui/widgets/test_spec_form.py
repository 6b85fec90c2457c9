from collections.abc import Mapping
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.widgets import Input, Static

from cae_tui.widgets.fields import Choice, FieldRow, Group
from cae_tui.widgets.presets import Presets
from cae_tui.widgets.spec_form import CUSTOM, SpecForm
from engine.specs.autoencoder import AutoencoderSpec
from engine.specs.base import Spec, parse, spec_fields
from engine.specs.classifier import ClassifierSpec
from engine.specs.fields import write_value

REPORT = {name: write_value(value) for name, value in AutoencoderSpec.presets["report"].items()}


class Host(App[None]):
    def __init__(self, values: Mapping[str, str] | None = None, kind: type[Spec] = AutoencoderSpec) -> None:
        super().__init__()
        self._values, self._kind = values or {}, kind

    def compose(self) -> ComposeResult:
        yield SpecForm(self._kind, self._values)

    @property
    def form(self) -> SpecForm:
        return self.query_one(SpecForm)

    def field(self, name: str) -> Input:
        return self.query_one(f"#field-{name}", Input)

    def choice(self, name: str) -> Choice:
        return self.query_one(f"#field-{name}", Choice)

    def row(self, name: str) -> FieldRow:
        return next(row for row in self.query(FieldRow) if row.field.name == name)

    def problem(self, name: str) -> str:
        """What is to be read beneath a field; nothing where it is hidden."""
        below = self.row(name).query_one(".problem", Static)
        return str(below.content) if below.display else ""

    def folded(self, group: str) -> str:
        return str(self.query_one(f"#group-{group} CollapsibleTitle", Static).render())

    @property
    def preset(self) -> str:
        return self.query_one("#preset", Choice).value


# -- presets, without a screen --------------------------------------------------------------------


def test_numbers_that_are_written_differently_are_the_same_value() -> None:
    presets = Presets(AutoencoderSpec)
    assert presets.same("learning_rate", "1e-3", "0.001")
    assert not presets.same("learning_rate", "0.002", "0.001")
    assert not presets.same("learning_rate", "x", "0.001")


def test_values_are_recognised_as_the_preset_they_come_from() -> None:
    presets = Presets(AutoencoderSpec)
    for name, values in presets.values.items():
        assert presets.recognise(values) == (name, True)
        if name != "quick":
            assert presets.recognise({**values, "epochs": "50"}) == (name, True)


def test_how_long_one_trains_makes_another_preset_only_of_one_that_says_it() -> None:
    presets = Presets(AutoencoderSpec)
    quick = presets.values["quick"]
    assert presets.recognise({**quick, "epochs": "3"}) == ("quick", False)
    assert presets.recognise({**quick, "latent": "9"})[1] is False
    assert presets.recognise({**presets.values["recommended"], "batch_size": "64"}) == ("recommended", True)


def test_a_choice_of_preset_leaves_the_epochs_that_were_typed_but_not_those_of_the_preset_before() -> None:
    presets = Presets(AutoencoderSpec)
    typed = {**presets.values["recommended"], "epochs": "7"}
    assert "epochs" not in presets.chosen("report", "recommended", typed)
    quick = presets.chosen("quick", "recommended", typed)
    assert (quick["epochs"], quick["steps_per_epoch"], quick["batch_size"]) == ("1", "350", "64")
    back = presets.chosen("recommended", "quick", {**typed, **quick})
    assert (back["epochs"], back["steps_per_epoch"], back["batch_size"]) == ("20", "", "128")


def test_values_between_presets_are_near_one_of_them() -> None:
    presets = Presets(AutoencoderSpec)
    assert presets.recognise({**presets.values["report"], "schedule": "one-cycle"}) == ("report", False)


@pytest.mark.parametrize("kind", [AutoencoderSpec, ClassifierSpec])
def test_the_text_of_every_preset_makes_its_spec(kind: type[Spec]) -> None:
    presets = Presets(kind)
    for name, values in presets.values.items():
        given = {**values, "encoder": "a7f3"} if kind is ClassifierSpec else values
        asked = {"encoder": "a7f3", **kind.presets[name]} if kind is ClassifierSpec else kind.presets[name]
        assert parse(kind, given) == parse(kind, asked)


# -- the form -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [AutoencoderSpec, ClassifierSpec])
async def test_every_field_of_a_spec_is_in_its_form(kind: type[Spec]) -> None:
    app = Host(kind=kind)
    async with app.run_test(size=(80, 24)):
        assert [row.field.name for row in app.query(FieldRow)] == [field.name for field in spec_fields(kind)]


async def test_the_hyperparameters_stand_open_and_all_else_is_folded() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        assert all(group.collapsed for group in app.query(Group))
        for name in ("epochs", "batch_size", "layers", "kernels", "kernel_size"):
            assert app.screen.can_view_entire(app.field(name))
        await pilot.pause()
        assert all(app.screen.can_view_entire(group) for group in app.query(Group))


async def test_a_wrong_value_is_told_beneath_its_field_as_one_types() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.field("kernel_size").focus()
        await pilot.press("1", "3")
        assert app.problem("kernel_size") == "“13” is too large: at most 11."
        assert app.form.problems
        await pilot.press("backspace", "backspace", "5")
        assert app.problem("kernel_size") == ""
        assert app.form.spec == AutoencoderSpec(kernel_size=5)


async def test_news_of_a_value_that_no_longer_stands_change_nothing() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.form.put({"epochs": "7"})
        app.field("epochs").post_message(Input.Changed(app.field("epochs"), "3"))
        app.choice("optimizer").post_message(Choice.Changed(app.choice("optimizer"), "sgd"))
        await pilot.pause()
        assert (app.form.values["epochs"], app.form.values["optimizer"]) == ("7", "adam")


async def test_a_group_with_a_wrong_field_opens_itself_and_says_so() -> None:
    app = Host({"downsamplings": "2"})
    async with app.run_test(size=(80, 24)) as pilot:
        app.field("layers").focus()
        await pilot.press("2")  # one encoder layer cannot halve twice
        assert "downsamplings" in app.form.problems
        assert not app.query_one("#group-architecture", Group).collapsed
        assert "1 to fix" in app.folded("architecture")


async def test_any_number_of_layers_stands_and_the_form_says_how_often_they_halve() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.field("layers").focus()
        for layers, note in (("4", "1 for 4 layers"), ("2", "1 for 2 layers"), ("40", "2 for 40 layers")):
            app.form.put({"layers": layers})
            await pilot.pause()
            assert not app.form.problems
            assert str(app.row("downsamplings").query_one(".note", Static).render()) == note
        app.form.put({"downsamplings": "1"})
        await pilot.pause()
        assert str(app.row("downsamplings").query_one(".note", Static).render()) == "preset auto"


async def test_the_title_of_a_folded_group_tells_what_differs_from_the_preset() -> None:
    app = Host({"seed": "7"})
    async with app.run_test(size=(80, 24)):
        assert "seed 7" in app.folded("optimisation")
        assert "•" not in app.folded("device")


async def test_what_was_typed_is_never_read_as_markup() -> None:
    app = Host({"data": "[red]/x[/]", "epochs": "[bold]"})
    async with app.run_test(size=(80, 24)):
        assert "[red]/x[/]" in app.folded("data")
        assert "[bold]" in app.problem("epochs")


async def test_a_preset_sets_what_presets_name_and_leaves_the_rest() -> None:
    app = Host({"epochs": "7", "seed": "3"})
    async with app.run_test(size=(80, 24)) as pilot:
        app.query_one("#preset").focus()
        await pilot.press("right")
        assert (app.preset, app.form.values["epochs"]) == ("Quick", "1")
        await pilot.press("left")
        assert (app.preset, app.form.values["epochs"]) == ("Recommended", "20")
        app.form.put({"epochs": "7"})
        await pilot.press("right", "right")
        assert app.preset == "Report 2020"
        app.form.put({"epochs": "7"})
        assert {name: app.form.values[name] for name in REPORT} == REPORT
        assert (app.form.values["epochs"], app.form.values["seed"]) == ("7", "3")
        assert app.choice("schedule").value == "constant"
        await pilot.press("left", "left")
        assert app.preset == "Recommended"
        assert app.choice("schedule").value == "one-cycle"


async def test_values_of_ones_own_come_back_after_a_look_at_a_preset() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.form.put({"activation": "gelu"})
        await pilot.pause()
        assert app.preset == CUSTOM
        app.query_one("#preset").focus()
        await pilot.press("right")
        assert app.form.values["activation"] == "silu"
        await pilot.press("left")
        assert (app.preset, app.form.values["activation"]) == (CUSTOM, "gelu")


async def test_values_that_were_given_stand_over_the_preset_they_come_from() -> None:
    app = Host({**REPORT, "epochs": "50", "unknown": "?"})
    async with app.run_test(size=(80, 24)):
        assert app.preset == "Report 2020"
        assert app.field("epochs").value == "50"
        assert str(app.row("epochs").query_one(".title", Static).render()) == "• Epochs"
        assert str(app.row("epochs").query_one(".note", Static).render()) == "preset 20"


async def test_enter_and_the_arrows_move_between_fields() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.field("epochs").focus()
        await pilot.press("enter")
        assert app.focused == app.field("batch_size")
        await pilot.press("down", "down", "up")
        assert app.focused == app.field("layers")
        app.field("kernel_size").focus()
        await pilot.press("down", "right")  # the title of the first group, which opens
        await pilot.press("down")
        assert app.choice("noise").has_focus


async def test_a_choice_is_turned_by_arrows_space_and_letters() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.query_one("#group-optimisation", Group).collapsed = False
        await pilot.pause()
        app.choice("optimizer").focus()
        await pilot.press("right")
        assert app.form.values["optimizer"] == "adamw"
        await pilot.press("left", "left")
        assert app.form.values["optimizer"] == "sgd"
        await pilot.press("space", "r")
        assert app.form.values["optimizer"] == "rmsprop"


async def test_a_value_of_an_older_version_is_refused_in_words_and_can_be_turned_away() -> None:
    app = Host({"optimizer": "lion"})
    async with app.run_test(size=(80, 24)) as pilot:
        assert "lion" in app.problem("optimizer")
        app.choice("optimizer").focus()
        await pilot.press("right")
        assert app.form.values["optimizer"] == "adam"


async def test_paths_are_made_absolute_and_the_home_folder_is_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    app = Host({"images": "~/images.gz", "labels": "labels.gz"})
    async with app.run_test(size=(80, 24)):
        assert app.form.spec is not None
        assert app.form.spec.images == tmp_path / "images.gz"
        assert app.form.spec.labels == tmp_path / "labels.gz"
        assert app.form.values["images"] == "~/images.gz"


async def test_pasted_paths_are_read_as_they_are_meant(tmp_path: Path) -> None:
    images = tmp_path / "my images.gz"
    images.write_bytes(b"")
    model = tmp_path / "my model.safetensors"
    app = Host({"encoder": f'"{model}"\n', "images": images.as_uri(), "labels": f"'{images}' "}, ClassifierSpec)
    async with app.run_test(size=(80, 24)):
        assert isinstance(app.form.spec, ClassifierSpec)
        assert (app.form.spec.images, app.form.spec.labels, app.form.spec.encoder) == (images, images, str(model))


async def test_the_data_s_problem_goes_once_its_field_is_mended() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.form.show_data_problems({"batch_size": "Too many.", "images": "No such file."})
        assert app.problem("batch_size") == "Too many."
        app.field("batch_size").focus()
        await pilot.press("8")
        assert "batch_size" not in app.form.problems
        app.form.put({"test_images": "/x"})
        assert "images" not in app.form.problems


async def test_the_first_wrong_field_gets_the_focus_though_it_is_folded_away() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.form.put({"seed": "-1"})
        app.query_one("#group-optimisation", Group).collapsed = True
        await pilot.pause()
        app.form.focus_problem()
        await pilot.pause()
        assert app.focused is app.field("seed")


@pytest.mark.parametrize("size", [(20, 5), (10, 3), (200, 60)])
async def test_a_form_of_any_size_stands(size: tuple[int, int]) -> None:
    app = Host()
    async with app.run_test(size=size) as pilot:
        await pilot.press("down", "down", "up")
        assert app.form.spec is not None


async def test_the_preset_under_the_cursor_says_what_it_is_for_and_what_it_changes() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.query_one("#preset").focus()
        await pilot.pause()
        about = app.query_one("#about", Static)
        assert "compresses nothing" in str(about.content)
        await pilot.press("right", "right")
        assert "It sets schedule constant" in str(about.content)
        assert "learning rate 0.001" in str(about.content)
        await pilot.pause()
        assert about.size.height == 5  # all of it, and no field is hidden for it
        assert all(app.screen.can_view_entire(group) for group in app.query(Group))
        await pilot.press("right")
        assert app.preset == "Bottleneck 16"
        assert str(about.content).endswith("It sets dense latent 16.")
        app.field("epochs").focus()
        await pilot.pause()
        assert str(about.content) == "Passes over the training images."


@pytest.mark.parametrize(
    ("latent", "pixels", "says"),
    [
        (1568, 784, "784 → 1,568: compresses nothing"),
        (784, 784, "784 → 784: compresses nothing"),
        (64, 784, "784 → 64: compresses 12 times"),
        (131_072, 196_608, "196,608 → 131,072: compresses 1.5 times"),
    ],
)
async def test_the_form_says_beneath_the_preset_how_many_numbers_an_image_becomes(
    latent: int, pixels: int, says: str
) -> None:
    app = Host()
    async with app.run_test(size=(80, 24)):
        shown = app.query_one("#latent", Static)
        assert str(shown.content) == "–"
        app.form.show_latent(latent, pixels)
        assert str(shown.content) == says
