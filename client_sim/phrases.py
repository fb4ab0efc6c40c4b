"""What people say in a live room."""

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
