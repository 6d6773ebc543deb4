"""Peak speeds of graphics cards and of a CPU, from their makers' data sheets.

Speeds of matrix products (bfloat16 and float16) are for dense matrices with float32 accumulation. Data sheets often
print the speed for sparse matrices, in which half of the weights are zero. That speed is twice as high.
"""

import re
from dataclasses import dataclass

from clinical_dpo.training.run_record import on_cpu

TERA, GIGA = 1e12, 1e9


@dataclass(frozen=True)
class Card:
    """Peak speeds of a device, with the source of the numbers."""

    name: str
    half_flops: float  # per second, bfloat16 and float16
    float32_flops: float  # per second, outside tensor cores: PyTorch's default for float32 matrices
    bandwidth: float  # bytes of memory per second
    device: str  # regular expression of the name that PyTorch reports
    source: str

    def flops(self, dtype: str) -> float:
        """Peak floating-point operations per second in a type: float32, or a 16-bit type such as bfloat16."""
        return self.float32_flops if dtype == "float32" else self.half_flops


def _card(name: str, half: float, single: float, bandwidth: float, device: str, source: str) -> Card:
    """Build a card from numbers in the units of data sheets: TFLOP/s and GB/s.

    Args:
        name: name of the card.
        half, single: peak speed in TFLOP/s, with 16-bit types and with float32.
        bandwidth: memory bandwidth in GB/s.
        device: regular expression of the name that PyTorch reports.
        source: the data sheet.
    """
    return Card(name, half * TERA, single * TERA, bandwidth * GIGA, device, source)


A100 = "NVIDIA A100 Tensor Core GPU data sheet, June 2021"
AMPERE = "NVIDIA Ampere GA102 GPU Architecture whitepaper, version 2.0, 2021"
ADA = "NVIDIA Ada GPU Architecture whitepaper, version 2.0, 2023"
H100 = "NVIDIA H100 Tensor Core GPU data sheet, 2023; dense is half of the printed number"
CARDS = {
    card.name: card
    for card in (
        _card("a100", 312, 19.5, 2039, "A100.*80GB", A100),
        _card("a100_40gb", 312, 19.5, 1555, "A100.*40GB", A100),
        _card("h100_pcie", 756, 51, 2000, "H100 PCIe", H100),
        _card("h100", 989.5, 67, 3350, "H100", H100),
        _card("h200", 989.5, 67, 4800, "H200", "NVIDIA H200 Tensor Core GPU data sheet, 2024; dense is half"),
        _card("l40s", 362, 91.6, 864, "L40S", "NVIDIA L40S data sheet, 2023"),
        _card("l4", 121, 30.3, 300, r"L4\b", "NVIDIA L4 Tensor Core GPU data sheet, 2023; dense is half"),
        _card("a40", 149.7, 37.4, 696, r"A40\b", "NVIDIA A40 data sheet, 2020"),
        _card("a10", 125, 31.2, 600, r"A10\b", "NVIDIA A10 Tensor Core GPU data sheet, 2021"),
        _card("a6000", 154.8, 38.7, 768, "RTX A6000", AMPERE),
        _card("rtx3090", 71, 35.6, 936, "RTX 3090", AMPERE),
        _card("rtx4090", 165.2, 82.6, 1008, "RTX 4090", ADA),
    )
}
DEFAULT = "a100"  # the card of Savage et al. 2025
# Per thread: 2.5 GHz times two fused multiply-adds of eight float32 (AVX2), and a share of a server's memory bandwidth.
CPU_FLOPS, CPU_BANDWIDTH = 80 * GIGA, 10 * GIGA


def cpu(threads: int) -> Card:
    """A CPU with a number of threads.

    Its speeds are assumed, not taken from a data sheet. The speed with 16-bit types equals that with float32.
    """
    speed = CPU_FLOPS * threads
    return Card("cpu", speed, speed, CPU_BANDWIDTH * threads, "^cpu", "assumed: 2.5 GHz, AVX2, 10 GB/s per thread")


def card_of_device(device: str, threads: int) -> Card | None:
    """The card of a device: `cpu(threads)` for a CPU, else the first card in CARDS that fits; None if no card fits.

    Args:
        device: device name as PyTorch reports it: `NVIDIA H100 80GB HBM3`, `cpu (x86_64)`.
        threads: number of threads, if the device is a CPU.
    """
    if on_cpu(device):
        return cpu(threads)
    return next((card for card in CARDS.values() if re.search(card.device, device)), None)
