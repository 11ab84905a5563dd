"""The question whose inference it is, at the command line: asked, answered, remembered."""

import json
import shlex
import shutil

NET = "tests/golden/as_saved/modes/model.ckpt"
AS_SAVED = "the function of the graph as it was saved: batch norm with each batch's statistics;"
INFERENCE = "the inference function of the training graph: batch norm with moving statistics;"


def said(text):
    """Returns a report's text in one line."""
    return " ".join(text.split())


def test_the_question_ends_with_both_commands_and_either_works(slimfix, tmp_path):
    folder = str(tmp_path / "a folder")
    command = ["migrate", f"--checkpoint={NET}", f"--output_dir={folder}"]
    code, out, err = slimfix(*command)
    assert (code, out) == (2, "")
    assert err.startswith("slimfix migrate: 4 batch norms of the network normalise with batch")
    *_, heading, moving, batch = err.splitlines()
    assert heading == "Run one of:"
    for line, choice, proved in ((moving, "moving", INFERENCE), (batch, "batch", AS_SAVED)):
        program, *arguments = shlex.split(line)
        assert (program, arguments) == ("slimfix", [*command, f"--batch_norm={choice}"])
        code, out, err = slimfix(*arguments)
        assert (code, err) == (0, "")
        assert f"The Keras model computes {proved}" in said(out)
        with open(f"{folder}/migration.json") as file:
            assert json.load(file)["source"]["batch_norm"] == choice
        with open(f"{folder}/parity.json") as file:
            assert json.load(file)["proved"] == proved.rstrip(";")
        with open(f"{folder}/parity.html") as file:
            assert proved.replace("'", "&#39;") in said(file.read())
        # The folder remembers what was chosen.
        code, out, err = slimfix("verify", f"--model={folder}", "--levels=L2,L3")
        assert (code, err) == (0, "")
        assert f"The Keras model computes {proved}" in said(out)
        shutil.rmtree(folder)


def test_verify_asks_of_a_plain_file_and_tells_the_two_apart(slimfix, tmp_path):
    folder = str(tmp_path / "keras")
    arguments = [f"--checkpoint={NET}", f"--output_dir={folder}", "--batch_norm=batch"]
    assert slimfix("migrate", *arguments)[0] == 0
    command = ["verify", f"--model={folder}/model.keras", f"--checkpoint={NET}"]
    code, _, err = slimfix(*command)
    assert code == 2
    assert err.splitlines()[-1] == f"  slimfix {' '.join(command)} --batch_norm=batch"
    assert slimfix(*command, "--batch_norm=batch")[0] == 0
    code, out, _ = slimfix(*command, "--batch_norm=moving")
    assert code == 1
    assert "the same function" not in out and "computes the" not in said(out)


def test_record_asks_and_verify_takes_what_was_recorded(slimfix, tmp_path):
    recording, folder = str(tmp_path / "r.npz"), str(tmp_path / "keras")
    command = ["record", f"--checkpoint={NET}", f"--output={recording}"]
    code, _, err = slimfix(*command)
    assert code == 2
    assert err.splitlines()[-1] == f"  slimfix {' '.join(command)} --batch_norm=batch"
    assert slimfix(*command, "--batch_norm=batch")[0] == 0
    migrate = ["migrate", f"--checkpoint={NET}", f"--output_dir={folder}"]
    migrate += [f"--recording={recording}"]
    assert slimfix(*migrate, "--batch_norm=batch")[0] == 0
    code, _, err = slimfix("verify", f"--model={folder}", f"--recording={recording}")
    assert (code, err) == (0, "")
    shutil.rmtree(folder)
    code, _, err = slimfix(*migrate, "--batch_norm=moving")
    assert code == 1
    assert "recorded from another checkpoint, or in another mode" in err


def test_a_choice_in_a_damaged_account(slimfix, tmp_path):
    folder = tmp_path / "keras"
    arguments = [f"--checkpoint={NET}", f"--output_dir={folder}", "--batch_norm=batch"]
    assert slimfix("migrate", *arguments)[0] == 0
    account = json.loads((folder / "migration.json").read_text())
    for wrong in ("fixed", ["batch"]):
        account["source"]["batch_norm"] = wrong
        (folder / "migration.json").write_text(json.dumps(account))
        code, _, err = slimfix("verify", f"--model={folder}")
        assert code == 2
        assert f"batch_norm is {wrong!r}" in err
    del account["source"]["batch_norm"]  # As an older slimfix wrote it.
    (folder / "migration.json").write_text(json.dumps(account))
    assert "--batch_norm=batch" in slimfix("verify", f"--model={folder}")[2]
    assert slimfix("verify", f"--model={folder}", "--batch_norm=batch")[0] == 0
