/** Text that every page may show. `{name}` is filled in by `t`. */

export const en = {
  "app.name": "Miaodan",

  "demo.notice": "Demo mode: this page hands out tokens / 演示模式",

  "lang.switch": "中文",
  "lang.label": "Switch to Chinese",

  "theme.dark": "Switch to dark",
  "theme.light": "Switch to light",

  close: "Close",

  cancel: "Cancel",

  loading: "Loading…",

  "room.scheduled": "Not started",
  "room.live": "LIVE",
  "room.paused": "Paused",
  "room.ended": "Ended",
  "room.online": "{count} watching",
  "room.waiting": "The host has not started yet",
  "room.pausedLong": "The host is taking a short break",
  "room.endedLong": "This live room has ended",
  "room.announcement": "Announcement",

  "link.connecting": "Connecting…",
  "link.reconnecting": "Reconnecting…",
  "link.lost": "Network lost. Trying again…",
  "link.retry": "Retry now",

  "gone.noRoom": "No such room",
  "gone.noRoomHelp": "Check the link, or pick a room that is live.",
  "gone.kicked": "You were removed from this room",
  "gone.kickedReason": "Reason: {reason}",
  "gone.badToken": "Your sign-in is no longer valid",
  "gone.forbidden": "You may not enter with this sign-in",
  "gone.replaced": "Opened in another window",
  "gone.other": "Disconnected",
  "gone.code": "Code {code}",
  "gone.again": "Enter again",
  "gone.home": "All live rooms",

  "token.title": "Sign in",
  "token.help": "Paste the token you were given. It stays in this tab only.",
  "token.label": "Token",
  "token.use": "Enter",
  "token.guest": "Watch as a guest",
  "token.needed": "Sign in to chat and buy",
  "token.signIn": "Sign in",

  "stock.left": "{count} left",
  "stock.none": "Sold out",

  "price.was": "List price",

  "order.reserved": "Waiting for payment",
  "order.paid": "Paid",
  "order.shipped": "Shipped",
  "order.delivered": "Delivered",
  "order.cancelled": "Cancelled",
  "order.expired": "Expired",
  "order.refunding": "Refund under way",
  "order.refunded": "Refunded",

  "error.invalid": "That is not valid",
  "error.unauthorized": "Please sign in first",
  "error.forbidden": "You may not do that",
  "error.not_found": "Not found",
  "error.conflict": "That does not fit the current state",
  "error.too_large": "Too long",
  "error.rate_limited": "Too fast, wait a moment",
  "error.muted": "You are muted",
  "error.blocked_words": "That message contains blocked words",
  "error.not_open": "Not open yet",
  "error.sale_ended": "The sale is over",
  "error.sold_out": "Sold out",
  "error.limit_exceeded": "You have reached the limit",
  "error.request_mismatch": "This order was placed differently before",
  "error.payment_failed": "Payment was refused. Your hold is in My orders",
  "error.unknown_outcome": "The outcome is not known yet",
  "error.unavailable": "That cannot be done right now. Please try again in a moment",
  "error.unavailableFor": "That cannot be done right now. Please try again in {seconds} s",
  "error.lost": "Connection lost, try again",
  "error.timeout": "No answer in time. Check My orders",
  "error.other": "Something went wrong",
};

export const zh: Record<keyof typeof en, string> = {
  "app.name": "秒单",

  "demo.notice": "演示模式：本页面会发放令牌 / Demo mode",

  "lang.switch": "English",
  "lang.label": "切换到英文",

  "theme.dark": "切换到深色",
  "theme.light": "切换到浅色",

  close: "关闭",

  cancel: "取消",

  loading: "加载中…",

  "room.scheduled": "未开播",
  "room.live": "直播中",
  "room.paused": "暂停中",
  "room.ended": "已结束",
  "room.online": "{count} 人在看",
  "room.waiting": "主播还没有开播",
  "room.pausedLong": "主播暂时离开，马上回来",
  "room.endedLong": "本场直播已结束",
  "room.announcement": "公告",

  "link.connecting": "连接中…",
  "link.reconnecting": "正在重新连接…",
  "link.lost": "网络已断开，正在重试…",
  "link.retry": "立即重试",

  "gone.noRoom": "直播间不存在",
  "gone.noRoomHelp": "请检查链接，或选择正在直播的房间。",
  "gone.kicked": "您已被移出直播间",
  "gone.kickedReason": "原因：{reason}",
  "gone.badToken": "登录已失效",
  "gone.forbidden": "当前身份无法进入",
  "gone.replaced": "已在其他窗口打开",
  "gone.other": "连接已断开",
  "gone.code": "代码 {code}",
  "gone.again": "重新进入",
  "gone.home": "全部直播间",

  "token.title": "登录",
  "token.help": "粘贴您的令牌，仅保存在当前标签页。",
  "token.label": "令牌",
  "token.use": "进入",
  "token.guest": "以游客身份观看",
  "token.needed": "登录后即可发言和购买",
  "token.signIn": "登录",

  "stock.left": "剩 {count} 件",
  "stock.none": "已售罄",

  "price.was": "原价",

  "order.reserved": "待支付",
  "order.paid": "已支付",
  "order.shipped": "已发货",
  "order.delivered": "已送达",
  "order.cancelled": "已取消",
  "order.expired": "已超时",
  "order.refunding": "退款中",
  "order.refunded": "已退款",

  "error.invalid": "内容不正确",
  "error.unauthorized": "请先登录",
  "error.forbidden": "没有权限",
  "error.not_found": "未找到",
  "error.conflict": "与当前状态冲突",
  "error.too_large": "内容过长",
  "error.rate_limited": "操作太快，请稍候",
  "error.muted": "您已被禁言",
  "error.blocked_words": "消息中含有屏蔽词",
  "error.not_open": "还未开始",
  "error.sale_ended": "活动已结束",
  "error.sold_out": "已售罄",
  "error.limit_exceeded": "已达限购数量",
  "error.request_mismatch": "该订单的内容与之前不一致",
  "error.payment_failed": "支付未成功，库存仍为您保留，请到“我的订单”支付",
  "error.unknown_outcome": "结果暂时未知",
  "error.unavailable": "暂时无法处理，请稍后再试",
  "error.unavailableFor": "暂时无法处理，请在 {seconds} 秒后再试",
  "error.lost": "连接已断开，请重试",
  "error.timeout": "未收到回应，请查看“我的订单”",
  "error.other": "出错了",
};
