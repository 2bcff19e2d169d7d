// Requests to Mailroom, and the quota that their answers carry.

export class Api {
  constructor(onAnswer, onQuota) {
    this.person = "";
    this.onAnswer = onAnswer;
    this.onQuota = onQuota;
  }

  /** Make a request and return { status, body, headers }; a problem document is returned too. */
  async ask(method, path, { body, headers = {}, quiet = false } = {}) {
    const sent = { "Mailroom-Person": this.person, ...headers };
    if (body !== undefined) sent["Content-Type"] = "application/json";
    const response = await fetch(path, {
      method,
      headers: sent,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const kind = response.headers.get("Content-Type") ?? "";
    const text = await response.text();
    const answer = {
      method,
      path,
      status: response.status,
      headers: response.headers,
      body: kind.includes("json") && text ? JSON.parse(text) : text,
    };
    this.#readQuota(response.headers);
    if (!quiet) this.onAnswer(answer);
    return answer;
  }

  #readQuota(headers) {
    const policy = headers.get("RateLimit-Policy")?.match(/q=(\d+);w=(\d+)/);
    const left = headers.get("RateLimit")?.match(/r=(\d+);t=(\d+)/);
    if (!policy || !left) return;
    const retryAfter = Number(headers.get("Retry-After") ?? 0);
    const [limit, window] = [Number(policy[1]), Number(policy[2])];
    this.onQuota({ limit, window, remaining: Number(left[1]), retryAfter });
  }
}

/** Return the paths in the header Link, by relation. */
export function links(headers) {
  const found = {};
  for (const [, url, relation] of (headers.get("Link") ?? "").matchAll(/<([^>]*)>; rel="(\w+)"/g)) {
    const target = new URL(url, location.href);
    found[relation] = target.pathname + target.search;
  }
  return found;
}
