/** Everything from this page's own server is kept at its first coming, and given from there ever after. */

declare const self: ServiceWorkerGlobalScope;
/** Written in by the build: a name that changes with any file, and the files without which there is no page. */
declare const __VERSION__: string;
declare const __SHELL__: string[];

const WALLS = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
  // The page's own policy does not bind its workers, which see the photo too.
  "Content-Security-Policy":
    "default-src 'none'; font-src 'self'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; worker-src 'self' blob:; " +
    "connect-src 'self' blob:; img-src 'self' blob: data:; media-src 'self' blob:",
};

self.addEventListener("install", (event) => {
  const filled = caches.open(__VERSION__).then((cache) => cache.addAll(__SHELL__));
  event.waitUntil(filled.then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(forgetOlder().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const ours = new URL(request.url).origin === self.location.origin;
  if (request.method === "GET" && ours && !request.headers.has("range")) event.respondWith(kept(request));
});

async function forgetOlder(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name !== __VERSION__).map((name) => caches.delete(name)));
}

async function kept(request: Request): Promise<Response> {
  const cache = await caches.open(__VERSION__);
  const found = await cache.match(request, { ignoreSearch: request.mode === "navigate" });
  if (found) return walled(found);
  const response = await fetch(request);
  if (response.status === 200) await cache.put(request, walled(response.clone()));
  return walled(response);
}

function walled(response: Response): Response {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(WALLS)) headers.set(name, value);
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}

export {};
