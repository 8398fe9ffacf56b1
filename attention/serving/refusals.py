"""What the door says to whom it does not let in: a status, a word for the metrics, and a sentence in the visitor's language."""

MESSAGES = {
    "en": {
        "route": "There is nothing at this address.",
        "draining": "The page is being restarted. Try again in a minute.",
        "rate": "Too many requests from this address. Try again in {wait:.0f} s.",
        "origin": "Requests from other sites are not answered here.",
        "size": "This request is larger than {megabytes:g} MB. Send less at once.",
        "address": "A picture is sent as an upload, not as an address to fetch it from.",
        "path": "A picture is sent as an upload, not as a path to a file of the server.",
        "values": "This request holds more than {values} values. Send less at once.",
        "charset": "Forms are read as UTF-8 here.",
        "host": "This page is not served under that name.",
        "error": "The server met an error and could not answer. Its log has it under {id}.",
        "json": "This request is not the JSON that the page expects.",
        "slow": "Sending took longer than {seconds:g} s and was given up. Send less at once, or over a faster connection.",
        "disk": "The server has no place for files at this moment, so nothing was kept. Try again in a few minutes.",
    },
    "zh": {
        "route": "此地址没有内容。",
        "draining": "页面正在重启，请一分钟后再试。",
        "rate": "来自此地址的请求过多，请在 {wait:.0f} 秒后再试。",
        "origin": "这里不回应来自其他网站的请求。",
        "size": "请求超过 {megabytes:g} MB，请分批发送。",
        "address": "图片应当上传，而不是给出可供下载的地址。",
        "path": "图片应当上传，而不是给出服务器上文件的路径。",
        "values": "请求包含的值超过 {values} 个，请分批发送。",
        "charset": "这里只读取 UTF-8 编码的表单。",
        "host": "此页面不以该名称提供服务。",
        "error": "服务器出错，无法回应。日志中的编号为 {id}。",
        "json": "请求不是页面所需的 JSON。",
        "slow": "发送超过 {seconds:g} 秒，已放弃。请分批发送，或换用更快的网络。",
        "disk": "服务器此刻没有存放文件的空间，因此什么都没有保存，请过几分钟再试。",
    },
}


class Refused(Exception):
    """A request that is not let through. `why` is a key of MESSAGES; `wait` the seconds after which to try again."""

    def __init__(self, status: int, why: str, wait: float = 0, **fields):
        super().__init__(why)
        self.status, self.why, self.wait, self.fields = status, why, wait, fields

    def sentence(self, language: str = "en") -> str:
        return MESSAGES[language][self.why].format(wait=self.wait, **self.fields)
