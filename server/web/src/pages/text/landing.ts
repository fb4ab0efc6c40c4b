/** Text of the list of rooms. `{name}` is filled in by `t`. */

export const en = {
  "landing.title": "Live rooms",
  "landing.empty": "No room is live right now. Come back in a moment.",
  "landing.failed": "The list of rooms could not be loaded.",
  "landing.again": "Try again",
  "landing.host": "Host console",
  "landing.open": "Open",
  "landing.roomId": "Room id",
  "landing.openRoom": "Go to a room",
  "landing.products": "{count} products",
  "landing.product": "1 product",
  "landing.demo": "Demo mode",
  "landing.demoHelp":
    "Open a room and you are a buyer; open its console and you are its host. Tokens are handed out to anybody, payments are play money.",
  "landing.sale": "Flash sale",
  "landing.saleSoon": "Flash sale soon",
  "landing.online": "{count} watching",

  "missing.title": "There is nothing here",
  "missing.help": "The address is wrong, or what was here is gone.",
};

export const zh: Record<keyof typeof en, string> = {
  "landing.title": "正在直播",
  "landing.empty": "现在还没有直播，过一会儿再来看看。",
  "landing.failed": "直播间列表加载失败。",
  "landing.again": "重试",
  "landing.host": "主播台",
  "landing.open": "进入",
  "landing.roomId": "房间号",
  "landing.openRoom": "进入指定房间",
  "landing.products": "{count} 件商品",
  "landing.product": "1 件商品",
  "landing.demo": "演示模式",
  "landing.demoHelp": "进入直播间，您就是买家；打开主播台，您就是主播。任何人都会得到令牌，付款均为模拟。",
  "landing.sale": "秒杀进行中",
  "landing.saleSoon": "秒杀即将开始",
  "landing.online": "{count} 人在看",

  "missing.title": "页面不存在",
  "missing.help": "地址有误，或内容已被移除。",
};
