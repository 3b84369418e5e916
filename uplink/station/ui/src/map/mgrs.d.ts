// Node and Vite read the same file of it so.
declare module "mgrs/dist/mgrs.esm.js" {
  export { forward, toPoint } from "mgrs";
}
