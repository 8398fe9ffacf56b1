"""Sentences about the server itself: no place for files, work that took too long."""

TEXTS = {
    "en": {
        "no_place": "The server has no place for files at this moment, so this cannot be shown or saved. Try again in a few minutes.",
        "time_up": "This took longer than {seconds:g} s and was given up, so that others have their turn. Choose fewer models or pictures.",
        "many_time_up": "This took longer than work may take here, and ended after {done} of {total} pictures. Send the others again.",
    },
    "zh": {
        "no_place": "服务器此刻没有存放文件的空间，因此无法显示或保存，请过几分钟再试。",
        "time_up": "计算超过 {seconds:g} 秒，已停止，以便轮到其他人。请减少模型或图片。",
        "many_time_up": "计算超过了这里允许的时间，已停在第 {done} 张（共 {total} 张）。请把其余图片再发送一次。",
    },
}
