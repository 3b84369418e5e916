// Looking after the station.

import type { admin as words } from "../en/admin.ts";

export const admin: Record<keyof typeof words, string> = {
  webhooks: "推送",
  webhooksNone: "配置中没有推送。",
  webhookTest: "测试",
  webhookEnable: "启用",
  webhookReplay: "重发已放弃的",
  webhookWorking: "…",
  webhookTook: "已接收测试（HTTP {status}）。",
  webhookEnabled: "已恢复推送。",
  webhookReplayed: "正在重发。",
  webhookFailed: "失败：{reason}",
  webhookDisabled: "{time} 已停用：{reason}",
  webhookLast: "最近送达 {time}",
  webhookNothingYet: "尚未送达",
  webhookCounts: "等待 {waiting}，放弃 {dead}",
};
