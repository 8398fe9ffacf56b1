"""Four published models of ImageNet's 1,000 classes as one more data set: timm's ResNet-33, which share one recipe.

None of their weights are in this repository, and nothing is fetched unasked: app.py --imagenet calls `offer`, which
takes them from the Hugging Face hub (once) or from a folder. Only this file knows timm: `TimmResNet` puts timm's
network into the slots of ours, so that maps, questions and the fast path treat it as one of ours.
"""

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from attention.core.files import sha256
from attention.core.paths import own_root
from attention.models.checkpoints import CheckpointError
from attention.models.mechanisms.channel import EfficientChannelAttention
from attention.models.mechanisms.combined import GlobalContext
from attention.models.network import GlobalAveragePool, ResNet
from attention.pictures.datasets import ELSEWHERE, Dataset, own_names
from attention.pictures.preprocessing import Cropped, Preprocessing

NAME = "imagenet"
PREPROCESSING = Preprocessing(stored_pixels=256, test_pixels=256, shape=Cropped(0.9))  # as in timm, for these models
MEGABYTES = 79  # per file: 19.7 million weights in float32


@dataclass(frozen=True)
class Published:
    """A model's name in timm, its size, and its top-1 accuracy on val at 256 px as timm gives it: one run each."""

    name: str
    parameters: int
    accuracy: float


PUBLISHED = {  # by the variant of the study that has the same attention in the same place
    "baseline": Published("resnet33ts", 19_676_256, 0.7922),
    "se-block": Published("seresnet33ts", 19_779_200, 0.8038),
    "eca-block": Published("eca_resnet33ts", 19_676_302, 0.8008),
    "gc-block": Published("gcresnet33ts", 19_880_698, 0.8007),
}


def offer(folder: str | os.PathLike | None = None, say: Callable[[str], None] = print) -> None:
    """Make ImageNet a data set of this process, with its models from files <timm's name>.safetensors in `folder`.

    The default folder is $ATTENTION_IMAGENET. Without either, the models come from the Hugging Face hub and stay in its
    cache. `say` is told what is fetched or left out. Raises CheckpointError.
    """
    if importlib.util.find_spec("timm") is None:
        raise CheckpointError(
            "The models of ImageNet need timm, which is not installed. Run: pip install -r requirements-imagenet.txt"
        )
    if NAME in own_names():
        raise CheckpointError(
            f"A data set of your own is called {NAME} too. Train it under another name, and remove {own_root() / NAME}."
        )
    folder = folder or os.environ.get("ATTENTION_IMAGENET")
    files = _in_folder(Path(folder), say) if folder else _from_hub(say)
    ELSEWHERE[NAME] = Dataset(
        name=NAME,
        title="ImageNet",
        folder=NAME,
        classes=_classes(),
        train_images=1_281_167,
        val_images=50_000,
        preprocessing=PREPROCESSING,
        source=Files(files),
    )


def _in_folder(folder: Path, say: Callable[[str], None]) -> dict[str, Path]:
    """{variant: file} for the files that are there. Raises CheckpointError if none is."""
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is no folder; --imagenet takes one that holds {_file_names()}.")
    files = {name: folder / f"{published.name}.safetensors" for name, published in PUBLISHED.items()}
    missing = [name for name, path in files.items() if not path.is_file()]
    if len(missing) == len(files):
        raise CheckpointError(f"{folder} holds none of {_file_names()} (other formats, such as pickles, are not read).")
    if missing:
        say(f"Not in {folder}, and so not offered: {', '.join(files[name].name for name in missing)}.")
    return {name: path for name, path in files.items() if name not in missing}


def _file_names() -> str:
    return ", ".join(f"{published.name}.safetensors" for published in PUBLISHED.values())


def hub_name(name: str) -> str:
    """The repository on the hub of a timm model, trained with the recipe that these models share."""
    return f"timm/{name}.ra2_in1k"


def _from_hub(say: Callable[[str], None]) -> dict[str, Path]:
    """{variant: file} in the hub's cache; missing files are fetched, with a progress bar, without the user's token."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.constants import HF_HUB_CACHE

    where = {name: (hub_name(published.name), "model.safetensors") for name, published in PUBLISHED.items()}
    files = {name: try_to_load_from_cache(*place) for name, place in where.items()}
    missing = [name for name, path in files.items() if not isinstance(path, str)]  # others: None, or "not on the hub"
    if missing:
        size = len(missing) * MEGABYTES
        say(f"ImageNet: fetching {len(missing)} models from huggingface.co, {size} MB in all, into {HF_HUB_CACHE}.")
    for name in missing:
        try:
            files[name] = hf_hub_download(*where[name], token=False)
        except Exception as error:  # the network's many exceptions all mean the same to whoever waits
            reason = (str(error).splitlines() or [""])[0]
            raise CheckpointError(
                f"{PUBLISHED[name].name} could not be fetched from huggingface.co ({type(error).__name__}: {reason}). Try "
                "again, or put the file model.safetensors of huggingface.co/timm/NAME.ra2_in1k as NAME.safetensors into a "
                "folder and name that: app.py --imagenet FOLDER (or ATTENTION_IMAGENET=FOLDER)."
            ) from error
    return {name: Path(path) for name, path in files.items()}


def _classes() -> dict[str, str]:
    """{WordNet number: English name} in the order of the labels, as timm and torchvision have them."""
    from timm.data import ImageNetInfo
    from torchvision.models import ResNet50_Weights

    names = ResNet50_Weights.DEFAULT.meta["categories"]  # short, and unlike timm's no two are the same
    return dict(zip(ImageNetInfo().label_names(), names, strict=True))


class Files:
    """A datasets.Source with one safetensors file per model, each used only while unchanged. No other is opened."""

    def __init__(self, files: dict[str, Path]):
        self.files = files
        self.manifest = {"dataset": NAME, "models": {name: self._entry(name) for name in files}}

    def _entry(self, name: str) -> dict:
        published, path = PUBLISHED[name], self.files[name]
        figures = {"accuracy": published.accuracy, "parameters": published.parameters}
        return {"file": path.name, "sha256": sha256(path), "published_as": published.name, **figures}

    def load(self, name: str) -> "TimmResNet":
        """A model of ImageNet in float32 on the CPU. Raises CheckpointError."""
        import timm

        if name not in self.files:
            raise CheckpointError(f"There is no {name} of ImageNet here. Available: {', '.join(self.files)}.")
        path, published = self.files[name], PUBLISHED[name].name
        if not path.exists() or sha256(path) != self.manifest["models"][name]["sha256"]:
            raise CheckpointError(f"The weights of {published} have gone or changed since the start. Start again.")
        try:
            weights = {key: w.float() if w.is_floating_point() else w for key, w in load_file(path).items()}
        except (SafetensorError, OSError) as error:
            raise CheckpointError(
                f"{path.name} of {published} is no safetensors file, or is cut off: {error}."
            ) from error
        with torch.device("meta"):
            network = timm.create_model(published, pretrained=False)
        try:
            network.load_state_dict(weights, strict=True, assign=True)
        except RuntimeError as error:
            raise CheckpointError(
                f"The weights in {path.name} are not those of timm's {published}: their names or shapes differ."
            ) from error
        return TimmResNet(network).eval()


class TimmResNet(ResNet):
    """A timm ByobNet of four stages of bottlenecks in the slots of our ResNet: (B, 3, H, W) -> (B, classes).

    It computes the same function; H and W are multiples of 32. The modules with weights are timm's own, taken out of
    the given network. The network's last convolution, whose output the head reads, becomes part of the last stage.
    """

    def __init__(self, network: nn.Module):
        nn.Module.__init__(self)  # not ResNet's, which would build a network of ours
        self.input = nn.Identity()
        self.stem = nn.Sequential(*map(_convolution, network.stem))
        *stages, last = ([Bottleneck(block) for block in stage] for stage in network.stages)
        self.stages = nn.ModuleList(nn.Sequential(*blocks) for blocks in stages)
        self.stages.append(nn.Sequential(*last, _convolution(network.final_conv)))
        self.stage_attention = nn.ModuleList(nn.Identity() for _ in self.stages)
        self.head_gate, self.pool = nn.Identity(), GlobalAveragePool()
        self.fc = network.head.fc


class Bottleneck(nn.Module):
    """timm's BottleneckBlock: (B, Cin, H, W) -> (B, Cout, H/stride, W/stride); attention before its last conv."""

    def __init__(self, block: nn.Module):
        super().__init__()
        self.conv1, self.conv2 = _convolution(block.conv1_1x1), _convolution(block.conv2_kxk)
        self.attention = _attention(block.attn, block.conv3_1x1.conv.in_channels)
        self.conv3 = _convolution(block.conv3_1x1)
        self.shortcut = block.shortcut if isinstance(block.shortcut, nn.Identity) else _convolution(block.shortcut)
        self.act = block.act

    def forward(self, x: Tensor) -> Tensor:
        branch = self.conv3(self.attention(self.conv2(self.conv1(x))))
        return self.act(branch + self.shortcut(x))


def _convolution(module: nn.Module) -> nn.Sequential:
    """A ConvNormAct taken apart, so that the norm stands right after its convolution, where fusion.fold expects it."""
    norm, activation = module.bn, module.bn.act
    norm.act = nn.Identity()
    return nn.Sequential(module.conv, norm, activation)


def _attention(module: nn.Module, channels: int) -> nn.Module:
    """The same attention with its weights in a `gate` or `attn`, where visible.watch looks for them."""
    from timm import layers

    if isinstance(module, layers.EcaModule):  # its gate outputs (B, 1, C)
        ours = EfficientChannelAttention(channels)
        ours.conv = module.conv
        return ours
    if isinstance(module, layers.GlobalContext):  # its softmax is not a module
        ours, mlp = GlobalContext(channels), module.mlp_add
        ours.score, ours.transform = module.conv_attn, nn.Sequential(mlp.fc1, mlp.norm, mlp.act, mlp.fc2)
        return ours
    return module  # SE, whose `gate` is a module already, or no attention
