"""The sentences about models that others trained, in English and Simplified Chinese; texts.py takes them in."""

TEXTS = {
    "en": {
        "classes_many": "These models know {count:,} things, such as {classes}, and must answer with one of them.",
        "published_about": "{dataset}'s models are not this project's: timm published them, one ResNet-33 without attention and with each of three mechanisms, all trained by one recipe. They see the middle square of a photo at {pixels} px, and the pictures here show that part of it.",
        "published_language": "Their classes have the names that ImageNet gave them.",
        "published_heading": "Published models of {dataset}",
        "published_accuracy": "{network} · {accuracy:.2%} top-1, published by timm, not measured here",
        "published_note": "Accuracy: top-1 on {dataset}'s val ({images:,} photographs, {pixels} px) as timm published it, not measured here. One training run each, so nothing says how much of a difference is the luck of a run. These models are no part of the study's tables.",
        "col_published_as": "timm's name",
        "box_not_for_published": "Where the maps of these models should be cut cannot be measured without ImageNet's photographs and boxes, so no box or mask is drawn.",
        "classes_known_some": "{some} and {more:,} more",
        "classes_all": "See all {count:,}",
        "classes_search": "Search the list",
    },
    "zh": {
        "classes_many": "这些模型认识 {count:,} 种事物，例如：{classes}；它们只能从中选一个来回答。",
        "published_about": "{dataset} 的模型不是本项目训练的，而是 timm 公开发布的：同一个 ResNet-33，一个不加注意力，另外三个各加一种机制，训练方案相同。它们看到的是照片中央的正方形区域（{pixels} px），这里的图片也只显示这一部分。",
        "published_language": "类别的中文名由本项目翻译，并非官方译名。",
        "published_heading": "{dataset} 的已发布模型",
        "published_accuracy": "{network} · top-1 {accuracy:.2%}，由 timm 公布，本项目未测量",
        "published_note": "准确率：timm 公布的 {dataset} val（{images:,} 张照片，{pixels} px）top-1，本项目没有测量。每个模型只训练了一次，因此无法判断差值中有多少来自训练的偶然性。这些模型不进入本研究的表格。",
        "col_published_as": "timm 名称",
        "box_not_for_published": "没有 ImageNet 的照片和标注框，就无法测量这些模型的热图该在哪里截断，因此不画框和掩膜。",
        "classes_known_some": "{some}，另有 {more:,} 个",
        "classes_all": "查看全部 {count:,} 个",
        "classes_search": "在列表中搜索",
    },
}  # fmt: skip
