"""Learning settings: what is read, what is refused, and that nothing accepted does harm."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop.errors import InvalidPolicyConfiguration
from loop.learning_settings import (
    DEFAULT_ARGUMENTS,
    Setting,
    check,
    parse,
    render,
    with_exploration,
)

CB = "--cb_explore_adf"
ROOT = Path(__file__).parents[2]


def read(arguments: str) -> str:
    return render(parse(arguments))


def refusal(arguments: str) -> str:
    with pytest.raises(InvalidPolicyConfiguration) as caught:
        parse(arguments)
    return caught.value.message


def test_the_default_is_read() -> None:
    assert read(DEFAULT_ARGUMENTS) == (
        "--cb_explore_adf --epsilon=0.2 --power_t=0 --learning_rate=0.001 --cb_type=mtr "
        "--quadratic=::"
    )


@pytest.mark.parametrize(
    ("spelling", "meaning"),
    [
        ("-q ::", "--quadratic=::"),
        ("-q::", "--quadratic=::"),
        ("-qFi", "--quadratic=Fi"),
        ("--quadratic FF", "--quadratic=FF"),
        ("--quadratic=FF", "--quadratic=FF"),
        ("-q Fi Fj -q ii", "--quadratic=Fi --quadratic=Fj --quadratic=ii"),
        ("-q Fi -q Fi", "--quadratic=Fi"),
        ("--interactions=FFi", "--interactions=FFi"),
        ("--interactions FFi Fij", "--interactions=FFi --interactions=Fij"),
        ("--cubic FFi", "--cubic=FFi"),
        ("--interactions :: :Fi", "--interactions=:: --interactions=:Fi"),
        ("-q \\x3A\\xC3", "--quadratic=\\x3A\\xC3"),
        ("--epsilon=0.2", "--epsilon=0.2"),
        ("--epsilon 0.20000000298023224", "--epsilon=0.20000000298023224"),
        ("--epsilon 0.1 --epsilon=0.1", "--epsilon=0.1"),
        ("-l.1", "--learning_rate=.1"),
        ("-l 1e-5", "--learning_rate=1e-5"),
        ("--learning_rate 5.", "--learning_rate=5."),
        ("--constant -0.5", "--constant=-0.5"),
        ("-C -.5", "--constant=-.5"),
        ("-b18", "--bit_precision=18"),
        ("-b 20", "--bit_precision=20"),
        ("\t--noconstant\r\n --noconstant\n", "--noconstant"),
        ("--cb_type 'ips'", "--cb_type=ips"),
        ('"-q" "F"i', "--quadratic=Fi"),
        ("--ignore A", "--ignore=A"),
        ("--ignore A B --keep CD", "--ignore=A --ignore=B --keep=CD"),
    ],
)
def test_every_spelling_is_read(spelling: str, meaning: str) -> None:
    assert read(f"{CB} {spelling}") == f"{CB} {meaning}"
    assert read(f"{spelling} {CB}") == f"{meaning} {CB}"


@pytest.mark.parametrize(
    "option",
    ["-d data", "--data=x", "--data x", "-f model", "-fmodel", "--final_regressor m", "-i model",
     "--initial_regressor m", "--daemon", "--port 26542", "--foreground", "--pid_file p",
     "-p out", "-p/dev/stdout", "--predictions out", "-r raw", "--raw_predictions r",
     "--invert_hash f", "--readable_model f", "--save_resume", "--save_per_pass", "--cache", "-c",
     "--cache_file f", "-k", "--passes 2", "--audit", "-a", "--onethread", "--sendto host",
     "--feature_mask f", "--input_feature_regularizer f", "--dictionary f", "--dictionary_path /",
     "--extra_metrics f", "--audit_regressor f", "--dump_json_weights_experimental f", "--help",
     "-h", "--version", "--quiet", "-P 1", "--progress 1", "--span_server s", "--total 2",
     "--driver_output stdout", "--log_output stdout", "--json", "--dsjson", "-t", "--testonly",
     "--predict_only_model", "--preserve_performance_counters", "--id x", "--ring_size 9",
     "--cb_adf", "--cb 3", "--cb_explore 3", "--cats 4", "--slates", "--automl", "--ngram F2",
     "--large_action_space", "--thread_pool_size 64", "--nn 9999", "--lrq FF9", "--noop",
     "--random_weights", "--initial_weight 1", "--regcbopt", "--elim", "--marginal F",
     "--epsilon_decay", "--epsilon_decay_audit f", "--eps 0.1", "--quad Fi", "--q Fi", "-x",
     "--", "--=1", "---epsilon 0.2", "--EPSILON 0.2", "--cb-type mtr"],
)  # fmt: skip
def test_an_option_beyond_learning_is_refused_by_name(option: str) -> None:
    name = option.split()[0].split("=")[0] if option.startswith("--") else option[:2]

    message = refusal(f"{CB} {option}")

    assert message.startswith(f"{name} is not allowed")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("", "--cb_explore_adf is missing"),
        ("   ", "--cb_explore_adf is missing"),
        ("--epsilon 0.2", "--cb_explore_adf is missing"),
        (f"{CB} --ccb_explore_adf", "kinds of loops"),
        (f"{CB} extra", "'extra' belongs to no option"),
        (f"{CB} -", "'-' belongs to no option"),
        (f"{CB} 0.2", "'0.2' belongs to no option"),
        (f"{CB}=true", "--cb_explore_adf takes no value"),
        (f"{CB} true", "'true' belongs to no option"),
        (f"{CB} --epsilon", "--epsilon needs a value: a number from 0 to 1"),
        (f"{CB} --epsilon=", "--epsilon is ''"),
        (f"{CB} --epsilon ''", "--epsilon is ''"),
        (f"{CB} --epsilon -q ::", "--epsilon needs a value"),
        (f"{CB} -q --epsilon 0.2", "--quadratic needs a value"),
        (f"{CB} --epsilon 0.1 --epsilon 0.2", "different values: 0.1 and 0.2"),
        (f"{CB} --epsilon 1.1", "--epsilon is '1.1'; it should be a number from 0 to 1"),
        (f"{CB} --epsilon nan", "'nan'"),
        (f"{CB} --epsilon=inf", "'inf'"),
        (f"{CB} --epsilon 0x1", "'0x1'"),
        (f"{CB} --epsilon 0.2f", "'0.2f'"),
        (f"{CB} --epsilon 1e999", "'1e999'"),
        (f"{CB} --epsilon 1_0", "'1_0'"),
        (f"{CB} -l=0.1", "--learning_rate is '=0.1'"),
        (f"{CB} -l 1e30", "from 0 to 100"),
        (f"{CB} -l -0.1", "from 0 to 100"),
        (f"{CB} --power_t -3", "--power_t"),
        (f"{CB} -b 23", "from 1 to 22"),
        (f"{CB} -b 0", "from 1 to 22"),
        (f"{CB} -b -1", "from 1 to 22"),
        (f"{CB} -b 18.0", "a whole number"),
        (f"{CB} -b 99999999999999999999", "from 1 to 22"),
        (f"{CB} --bag 0", "from 1 to 32"),
        (f"{CB} --bag 33", "from 1 to 32"),
        (f"{CB} --cover 1000", "from 1 to 32"),
        (f"{CB} --rnd 0", "from 1 to 32"),
        (f"{CB} --synthcover --synthcoversize 100000", "from 1 to 1000"),
        (f"{CB} --bag 3 --cover 3", "--bag and --cover are ways to explore"),
        (f"{CB} --softmax --squarecb", "--softmax and --squarecb"),
        (f"{CB} --cb_type MTR", "one of ips, dm, dr, mtr, sm"),
        (f"{CB} --loss_function logistic", "--loss_function"),
        (f"{CB} -q F", "the first letters of 2 namespaces"),
        (f"{CB} -q FFF", "the first letters of 2 namespaces"),
        (f"{CB} -quadratic FF", "'uadratic'"),
        (f"{CB} --cubic :::", "at most 1 of them the wildcard"),
        (f"{CB} --interactions F", "of 2 namespaces, at most 2 of them the wildcard : or 3 name"),
        (f"{CB} --interactions FFij", "--interactions is 'FFij'"),
        (f"{CB} --interactions ::F", "at most 1"),
        (f"{CB} --cubic :\\x3a\\x3AF", "at most 1"),
        (f"{CB} --cubic F\\x3a:", "at most 1"),
        (f"{CB} --ignore :", "no wildcard"),
        (f"{CB} -q '|a'", "--quadratic is '|a'"),
        (f"{CB} -q 'F i'", "'F i'"),
        (f"{CB} -q F\\", "--quadratic"),
        (f"{CB} -q F\\xZZ", "--quadratic"),
        (f"{CB} -q 'Fi", "quotation mark"),
        (f'{CB} --cb_type "mtr', "quotation mark"),
        (f"{CB} \u2013\u2013epsilon 0.2", "U+2013"),
        (f"{CB} \u2014epsilon 0.2", "U+2014 at position 17"),
        (f"{CB} --epsilon\u00a00.2", "U+00A0"),
        (f"{CB} --epsilon 0.2\x00", "U+0000"),
        (f"{CB} --epsilon \u0661", "U+0661"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_what_would(arguments: str, says: str) -> None:
    assert says in refusal(arguments)


_SETTINGS = st.sampled_from(
    [
        Setting("noconstant"),
        Setting("first_only"),
        Setting("epsilon", "0.3"),
        Setting("learning_rate", "1e-3"),
        Setting("bit_precision", "20"),
        Setting("constant", "-0.5"),
        Setting("quadratic", "Fi"),
        Setting("quadratic", "::"),
        Setting("interactions", "FFi"),
        Setting("ignore", "A"),
    ]
)
_SHORT = {"learning_rate": "-l", "bit_precision": "-b", "constant": "-C", "quadratic": "-q"}


@st.composite
def spellings(draw: st.DrawFn) -> tuple[str, list[Setting]]:
    given = [Setting("cb_explore_adf"), *draw(st.lists(_SETTINGS, max_size=8, unique=True))]
    words: list[str] = []
    for setting in given:
        value = setting.value
        name = draw(st.sampled_from([f"--{setting.name}", _SHORT.get(setting.name)]))
        if value is None:
            words.append(f"--{setting.name}")
        elif name is None or name.startswith("--"):
            words.append(
                f"--{setting.name}" + draw(st.sampled_from([" ", "=", "\t", "  "])) + value
            )
        else:
            words.append(name + draw(st.sampled_from([" ", "", "\n"])) + value)
    gaps = draw(st.lists(st.sampled_from([" ", "  ", "\r\n", "\t"]), min_size=len(words)))
    return "".join(gap + word for gap, word in zip(gaps, words, strict=False)), given


@given(spellings())
def test_what_is_read_is_what_was_spelled(case: tuple[str, list[Setting]]) -> None:
    text, given = case

    assert list(parse(text)) == given
    assert parse(render(parse(text))) == parse(text)


@given(st.text(st.sampled_from("-=q:F0.2 '\"\\x\tebilst_\u2014") | st.characters(), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse(f"{CB} {text}")
    except InvalidPolicyConfiguration as refused:
        assert refused.target == "arguments"
    else:
        assert parse(render(found)) == found


@pytest.mark.parametrize(
    ("arguments", "exploration", "built"),
    [
        (f"{CB} --epsilon 0.2 -l 1", 0.3, f"{CB} --epsilon=0.3 --learning_rate=1"),
        (f"{CB} --epsilon=0.2", 0, f"{CB} --epsilon=0.0"),
        (f"{CB} -l 1", 1, f"{CB} --learning_rate=1 --epsilon=1.0"),
        (f" {CB}  --softmax", 1e-5, f"{CB} --softmax --epsilon=1e-05"),
    ],
)
def test_exploration_stands_in_for_epsilon(arguments: str, exploration: float, built: str) -> None:
    assert with_exploration(arguments, exploration) == built
    assert with_exploration(built, exploration) == built


# Policies as SDK samples, documents and the issue tracker of the service show them.
@pytest.mark.parametrize(
    "arguments",
    [
        DEFAULT_ARGUMENTS,
        f" {DEFAULT_ARGUMENTS}",
        "--cb_explore_adf --epsilon 0.20000000298023224 --power_t 0 -l 0.001 --cb_type mtr -q ::",
        "--cb_explore_adf --epsilon 0.2 --power_t 0 -l 0.001 --cb_type ips -q ::",
        "--cb_explore_adf --quadratic GT --quadratic MR --quadratic GR --quadratic ME "
        "--quadratic OT --quadratic OE --quadratic OR --quadratic MS --quadratic GX --ignore A "
        "--cb_type ips --epsilon 0.2",
        "--cb_explore_adf --epsilon 0.2 --cb_type mtr -b 20 -q Fi -q Fj --interactions FFi",
        "--cb_explore_adf --bag 5 --first_only --cb_type dr",
        "--cb_explore_adf --cover 4 --psi 0.01 --nounif --cb_type mtr",
        "--cb_explore_adf --softmax --lambda 5",
        "--cb_explore_adf --squarecb --gamma_scale 100 --gamma_exponent 0.5",
        "--cb_explore_adf --regcb --mellowness 0.01 --cb_min_cost -1 --cb_max_cost 0",
        "--cb_explore_adf --rnd 3 --epsilon 0.02",
        "--cb_explore_adf --first 100 --epsilon 0.1",
        "--cb_explore_adf --synthcover --synthcoverpsi 0.1",
        "--cb_explore_adf --ftrl --ftrl_alpha 0.1 --l1 1e-6 --l2 1e-6",
        "--cb_explore_adf --coin --noconstant --cb_type dm",
    ],
)
def test_a_real_model_is_built_with_what_is_accepted(arguments: str) -> None:
    check(arguments)
    check(with_exploration(arguments, 0.5))


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (f"{CB} --squarecb --cb_type ips", "not a valid choice for option --cb_type"),
        (f"{CB} --ftrl --coin", "'ftrl', 'pistol', or 'coin'"),
        (f"{CB} --adax --normalized", "Cannot use adax without adaptive"),
        (f"{CB} --quantile_tau 0.5", "quantile_tau"),
        (f"{CB} --synthcover --synthcoverpsi 0", "synthcoverpsi must be positive"),
        # Its state of randomness is saved with the model, and then disagrees with the option.
        (f"{CB} --bag 3 --random_seed 5", "random_seed"),
    ],
)
def test_what_vw_rejects_is_refused_with_its_reason(arguments: str, reason: str) -> None:
    with pytest.raises(InvalidPolicyConfiguration) as caught:
        check(arguments)

    assert caught.value.message.startswith("VW rejects the arguments: ")
    assert reason in caught.value.message


_SWITCHES = ["first_only", "greedify", "nounif", "softmax", "regcb", "squarecb", "synthcover",
             "permutations", "leave_duplicate_interactions", "noconstant", "sgd", "adaptive",
             "adax", "normalized", "invariant", "ftrl", "coin", "pistol",
             "no_bias_regularization"]  # fmt: skip
_VALUED = ["cb_type", "clip_p", "loss_function", "quantile_tau", "min_prediction",
           "max_prediction", "epsilon", "first", "bag", "cover", "psi", "lambda", "mellowness",
           "cb_min_cost", "cb_max_cost", "gamma_scale", "gamma_exponent", "rnd", "rnd_alpha",
           "rnd_invlambda", "synthcoverpsi", "synthcoversize", "quadratic", "cubic",
           "interactions", "ignore", "ignore_linear", "keep", "constant", "bit_precision", "hash",
           "hash_seed", "random_seed", "learning_rate", "power_t", "initial_t",
           "decay_learning_rate", "ftrl_alpha", "ftrl_beta", "l1", "l2"]  # fmt: skip
_VALUES = ["0", "1", "2", "1e-6", "0.5", "0.999", "10", "22", "32", "100", "1000", "1e6", "-1e6",
           "1e9", "4294967295", "ips", "dm", "dr", "mtr", "sm", "all", "quantile", "classic",
           "F", "Fi", "::", "F:", "ij", "FFi", "d:j", "::d", "Fijd", "\\x00F", "\\xffd", "\\x3Aj",
           "~#", "=$", "<>@"]  # fmt: skip


def _allowed(count: int, seed: int) -> list[str]:
    """Arguments, at the edges of their ranges too, that the allow-list lets through."""
    draw = random.Random(seed)
    allowed: list[str] = []
    while len(allowed) < count:
        settings = [Setting("cb_explore_adf")]
        for _ in range(draw.randint(0, 7)):
            name = draw.choice(_SWITCHES + _VALUED * 2)
            settings.append(Setting(name, None if name in _SWITCHES else draw.choice(_VALUES)))
        try:
            allowed.append(render(parse(render(settings))))
        except InvalidPolicyConfiguration:
            continue
    return allowed


_CHECK_ALL = """
import json, sys
from pathlib import Path
from loop.errors import InvalidPolicyConfiguration
from loop.learning_settings import check

accepted = 0
for arguments in json.loads(Path(sys.argv[1]).read_text()):
    Path(sys.argv[2]).write_text(arguments)
    try:
        check(arguments)
        accepted += 1
    except InvalidPolicyConfiguration:
        pass
Path(sys.argv[2]).write_text(f"accepted {accepted}")
"""


def _check_in_a_process(tmp_path: Path, cases: list[str]) -> int:
    """Check all in a process that may crash; it may print nothing and leave no file behind."""
    given, report, here = tmp_path / "given.json", tmp_path / "report", tmp_path / "here"
    given.write_text(json.dumps(cases))
    here.mkdir()
    ran = subprocess.run(
        [sys.executable, "-c", _CHECK_ALL, str(given), str(report)],
        cwd=here,
        env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(here)},
        capture_output=True,
        timeout=600,
        check=False,
    )
    said = report.read_text() if report.exists() else "nothing"
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b""), f"died at: {said}"
    assert list(here.iterdir()) == []
    return int(said.removeprefix("accepted "))


def test_nothing_allowed_crashes_prints_or_writes(tmp_path: Path) -> None:
    assert _check_in_a_process(tmp_path, _allowed(120, seed=1)) > 60


@pytest.mark.acceptance
@pytest.mark.parametrize("seed", range(2, 7))
def test_nothing_allowed_crashes_prints_or_writes_at_length(tmp_path: Path, seed: int) -> None:
    assert _check_in_a_process(tmp_path, _allowed(2_000, seed)) > 1_000
