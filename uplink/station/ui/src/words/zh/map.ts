// The map.

import type { map as words } from "../en/map.ts";

export const map: Record<keyof typeof words, string> = {
  tipCircle: "线索：在此圆内某处",
  map: "地图",
  zoomIn: "放大",
  zoomOut: "缩小",
  showAll: "显示全部",
  patrol: "巡航路线",
  aboard: "机上航线已核实",
  notAboard: "机上航线未核实",
  footprint: "相机视野",
  ellipse: "误差椭圆（按比例）",
  noMap: "地图需要 WebGL 2",
  noMapHint: "此浏览器不支持。告警、照片、位置和遥测仍可使用。",
  loadingMap: "正在加载地图…",
  mapBroken: "地图加载失败",
  mapBrokenHint: "请刷新页面重试，其他功能不受影响。",
};
