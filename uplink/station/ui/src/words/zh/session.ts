// Signing in and out.

import type { session as words } from "../en/session.ts";

export const session: Record<keyof typeof words, string> = {
  signIn: "登录",
  signInTitle: "登录地面站",
  userName: "用户名",
  password: "密码",
  signingIn: "正在登录…",
  signInWrong: "用户名或密码错误。",
  signInTooMany: "尝试次数过多，请等待 {age}后重试。",
  sessionOver: "您已退出登录。您持有的控制权会自动失效。",
  account: "已登录：{name}",
  accountRole: "角色",
  accountEnds: "自动退出时间",
  endsSoon: "{age}后自动退出",
  "role.viewer": "观察员",
  "role.pilot": "飞手",
  "role.admin": "管理员",
  "roleMay.viewer": "可查看全部内容",
  "roleMay.pilot": "可下达指令、处置警情",
  "roleMay.admin": "另可管理地面站",
  signOut: "退出登录",
  changePassword: "修改密码",
  oldPassword: "原密码",
  newPassword: "新密码",
  newPasswordHint: "至少 10 个字符。",
  passwordChanged: "已修改，您的其他登录已被终止。",
  passwordWrong: "原密码错误。",
};
