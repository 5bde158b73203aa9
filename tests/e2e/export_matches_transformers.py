#!/usr/bin/env python3
"""Exported weights give the same logits in transformers, to 1e-4, and its weights the same in ours.

usage: export_matches_transformers.py BRIGADE_STAGE FOLDER [FOLDER…]

Each FOLDER (of a run, or of *.safetensors files) is exported with brigade-stage and loaded as
GPT2LMHeadModel; the logits of the next token are compared with those of `brigade-stage scores`
after prompts of several lengths. The other way, a seeded model that transformers saved (with a
tied head, as GPT-2 has) is read by brigade-stage, exported and compared.
Skips, loudly and with exit code 77, where torch or transformers are not installed.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

SKIPPED = 77
TOLERANCE = 1e-4

try:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel
except ImportError as missing:
    print(f"SKIPPED: {missing}: install transformers beside torch to run this test")
    sys.exit(SKIPPED)


def run(*arguments):
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"FAIL: {' '.join(map(str, arguments))}: {done.stderr.strip()}")
    return done.stdout


def largest_difference(program, folder, model):
    """Over all logits after one token, half a context and a full one."""
    config = model.config
    generator = torch.Generator().manual_seed(3)
    worst = 0.0
    for length in sorted({1, max(1, config.n_positions // 2), config.n_positions}):
        ids = torch.randint(0, config.vocab_size, (1, length), generator=generator)
        with torch.no_grad():
            expected = model(ids).logits[0, -1].double()
        listed = ",".join(str(i) for i in ids[0].tolist())
        printed = run(program, "scores", folder, "--ids", listed, "--device", "cpu", "--json")
        logits = torch.tensor(json.loads(printed)["logits"], dtype=torch.float64)
        if logits.shape != expected.shape:
            sys.exit(f"FAIL: {folder}: {logits.numel()} logits, not {expected.numel()}")
        worst = max(worst, (logits - expected).abs().max().item())
    return worst


def check(name, program, folder, scratch):
    """Exports `folder`; ours before and after the export, and transformers' are the same."""
    out = scratch / f"export-{name}"
    run(program, "export", folder, "--out", out)
    model, loading = GPT2LMHeadModel.from_pretrained(out, output_loading_info=True)
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if loading[problem]:
            sys.exit(f"FAIL: {folder}: {problem} in the export: {sorted(loading[problem])}")
    model.eval()
    for source in (folder, out):
        worst = largest_difference(program, source, model)
        print(f"{name}: {source}: largest difference of a logit {worst:.2e}")
        if not worst <= TOLERANCE:
            sys.exit(f"FAIL: {source}: more than {TOLERANCE}")


def save_seeded_model(folder):
    torch.manual_seed(7)
    config = GPT2Config(vocab_size=97, n_positions=24, n_embd=48, n_layer=3, n_head=4,
                                     initializer_range=0.2)
    GPT2LMHeadModel(config).save_pretrained(folder)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    program = sys.argv[1]
    with tempfile.TemporaryDirectory() as name:
        scratch = pathlib.Path(name)
        for index, folder in enumerate(sys.argv[2:]):
            check(f"given-{index}", program, folder, scratch)
        save_seeded_model(scratch / "tied")
        check("tied", program, scratch / "tied", scratch)
    print("ok")


main()
