"""What a visitor is told who has to wait, or whose request was not taken; said by busy.js."""

TEXTS = {
    "en": {
        "busy_wait": "Busy: {count} before you.",
        "busy_wait_s": "Busy: {count} before you, about {time} s.",
        "busy_wait_min": "Busy: {count} before you, about {time} min.",
        "busy_full": "Too many people are waiting just now. Your photo and choices are kept: try again in a minute.",
        "busy_restart": "The page is being restarted. Try again in a minute.",
        "busy_often": "Too many requests from this address. Try again in {time} s.",
    },
    "zh": {
        "busy_wait": "排队中：前面还有 {count} 个请求。",
        "busy_wait_s": "排队中：前面还有 {count} 个请求，约 {time} 秒。",
        "busy_wait_min": "排队中：前面还有 {count} 个请求，约 {time} 分钟。",
        "busy_full": "现在等待的人太多。照片和选择都已保留，请过一分钟再试。",
        "busy_restart": "页面正在重启，请过一分钟再试。",
        "busy_often": "这个地址的请求太多，请过 {time} 秒再试。",
    },
}
