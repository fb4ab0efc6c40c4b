/** Text of the list of rooms. `{name}` is filled in by `t`. */

export const en = {
  "landing.title": "Live rooms",
  "landing.intro": "Rooms that are on air right now.",
  "landing.empty": "No room is live yet. Open a host console to create one.",
  "landing.failed": "The list of rooms could not be loaded.",
  "landing.again": "Try again",
  "landing.watch": "Watch",
  "landing.host": "Host console",
  "landing.open": "Open",
  "landing.roomId": "Room id",
  "landing.openRoom": "Go to a room",
  "landing.products": "{count} products",
};

export const zh: Record<keyof typeof en, string> = {
  "landing.title": "正在直播",
  "landing.intro": "此刻正在直播的房间。",
  "landing.empty": "还没有直播间开播。打开主播台即可创建一个。",
  "landing.failed": "直播间列表加载失败。",
  "landing.again": "重试",
  "landing.watch": "进入直播间",
  "landing.host": "主播台",
  "landing.open": "进入",
  "landing.roomId": "房间号",
  "landing.openRoom": "进入指定房间",
  "landing.products": "{count} 件商品",
};
