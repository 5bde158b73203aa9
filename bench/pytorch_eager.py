#!/usr/bin/env python3
"""The yardstick of bench/local: the same GPT-2 in one PyTorch eager process.

Fused qkv, scaled_dot_product_attention, tanh GELU, untied head, AdamW, no clipping. Prints one
JSON line: {"tokens_per_s": …, "seconds": …, "loss": …}. The clock runs over the training loop
alone, after a few steps of warm-up: imports and start-up are not counted against PyTorch.
"""
import argparse
import json
import time

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1 = nn.LayerNorm(width)
        self.c_attn = nn.Linear(width, 3 * width)
        self.attn_proj = nn.Linear(width, width)
        self.ln_2 = nn.LayerNorm(width)
        self.c_fc = nn.Linear(width, 4 * width)
        self.mlp_proj = nn.Linear(4 * width, width)

    def forward(self, x):  # (B, T, D)
        batch, tokens, width = x.shape
        qkv = self.c_attn(self.ln_1(x)).view(batch, tokens, 3, self.heads, width // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, H, T, D/H)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.attn_proj(mixed.transpose(1, 2).reshape(batch, tokens, width))
        return x + self.mlp_proj(F.gelu(self.c_fc(self.ln_2(x)), approximate="tanh"))


class Gpt2(nn.Module):
    def __init__(self, vocabulary, context, width, blocks, heads):
        super().__init__()
        self.wte = nn.Embedding(vocabulary, width)
        self.wpe = nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = nn.Linear(width, vocabulary, bias=False)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, tokens):  # (B, T) → (B, T, V)
        x = self.wte(tokens) + self.wpe(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.lm_head(self.ln_f(x))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", required=True, help="token file, uint16")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--warmup-steps", type=int, default=10)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--context", type=int, default=128)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--blocks", type=int, default=4)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--vocabulary", type=int, default=256)
    parser.add_argument("--adamw", choices=("default", "foreach", "fused"), default="default")
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    with open(options.tokens, "rb") as file:
        stream = torch.frombuffer(bytearray(file.read()), dtype=torch.uint16).long()
    model = Gpt2(options.vocabulary, options.context, options.width, options.blocks, options.heads)
    flavour = {} if options.adamw == "default" else {options.adamw: True}
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-4, weight_decay=0.01, **flavour)

    def step():
        starts = torch.randint(len(stream) - options.context - 1, (options.batch,))
        window = torch.stack([stream[s:s + options.context + 1] for s in starts])
        logits = model(window[:, :-1])
        loss = F.cross_entropy(logits.flatten(0, 1), window[:, 1:].flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss

    for _ in range(options.warmup_steps):
        step()
    begin = time.perf_counter()
    for _ in range(options.steps):
        loss = step()
    seconds = time.perf_counter() - begin
    tokens = options.steps * options.batch * options.context
    print(json.dumps({"tokens_per_s": tokens / seconds, "seconds": seconds, "loss": loss.item()}))


if __name__ == "__main__":
    main()
