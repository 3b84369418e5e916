import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

// `npm run dev` shows the page with a running station behind it.
const station = "http://127.0.0.1:8420";

export default defineConfig({
  plugins: [svelte()],
  base: "./", // the station may live under a path of a reverse proxy
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    rolldownOptions: { input: ["index.html", "crew.html"] }, // the pilots' page, and that of a crew link
    license: { fileName: "licences.md" },
    chunkSizeWarningLimit: 1200, // MapLibre is one chunk, loaded after the queue is usable
  },
  server: {
    proxy: {
      "/api": { target: station, ws: true },
      "/healthz": { target: station },
    },
  },
});
