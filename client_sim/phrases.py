"""Who comes to a live room, and what they say there."""

from __future__ import annotations

PHRASES = (
    "主播这个多少钱？",
    "上链接上链接！",
    "666",
    "抢到了！！",
    "手慢无啊",
    "Is it in stock?",
    "已拍，坐等发货",
    "颜色好看",
    "再来一波！",
    "Take my money",
    "求返场",
    "家人们冲",
    "第一次来，关注了",
    "How long is delivery?",
    "刚下单，快发货哦",
    "回购第三次了",
    "能便宜点吗",
    "Love this one",
)

NAMES = (
    "小鹿",
    "阿泽",
    "Mia",
    "一颗柠檬",
    "老王",
    "Luna",
    "豆豆",
    "南风",
    "Kevin",
    "桃子汽水",
    "十七",
    "Ann",
    "西瓜",
    "晚安",
    "Leo",
    "糖糖",
)


def name_of(index: int) -> str:
    """The name of the simulated viewer `index`; numbered from the second round on."""
    turn, place = divmod(index, len(NAMES))
    return f"{NAMES[place]}{turn + 1}" if turn else NAMES[place]
