// Looking after the station.

export const admin = {
  webhooks: "Webhooks",
  webhooksNone: "The configuration has no webhooks.",
  webhookTest: "Test",
  webhookEnable: "Enable",
  webhookReplay: "Send again what was given up",
  webhookWorking: "…",
  webhookTook: "It took the test (HTTP {status}).",
  webhookEnabled: "Events go there again.",
  webhookReplayed: "It is sent again.",
  webhookFailed: "Fails: {reason}",
  webhookDisabled: "Disabled {time}: {reason}",
  webhookLast: "Last delivered {time}",
  webhookNothingYet: "Nothing delivered yet",
  webhookCounts: "{waiting} waiting, {dead} given up",
};
