/// Caps: one vocabulary for the service, rules, trunks and numbers.
extension PolicySchema {
  /// Keys of caps. `standards` are the defaults other than "unlimited".
  private static func caps(_ standards: [String: String] = [:], atOnce: String) -> [ObjectSchema.Field] {
    func standard(_ key: String) -> String { standards[key] ?? "unlimited" }
    return [
      .init(
        "concurrent_calls", .word("unlimited", or: .integer(1...1_000_000)),
        default: standard("concurrent_calls"), atOnce),
      .init(
        "calls_per_second", .number(0.01...100_000), default: standard("calls_per_second"),
        "New calls; up to one second's worth of them may come together."),
      .init(
        "calls", .quota(1...1_000_000), default: standard("calls"),
        "New calls in any stretch of time this long.", example: "100 per 1h"),
      .init(
        "call_minutes", .quota(1...10_000_000), default: standard("call_minutes"),
        "Minutes of answered calls, each counted when it begins. Calls under way are ended when there are no more.",
        example: "600 per 1d"),
      .init(
        "distinct_destinations", .quota(1...10_000), default: standard("distinct_destinations"),
        "Different numbers or aliases called.", example: "20 per 1h"),
      .init(
        "maximum_duration", .duration(1...2_678_400), default: standard("maximum_duration"),
        "A call that lasts longer, counted from its answer, is ended.", example: "2h"),
    ]
  }

  static let limits = ObjectSchema(
    "globals.limits",
    "Limits on all calls of the service, whatever rule they take. A call beyond a limit of all callers together is refused with 503, one beyond a limit of its caller with 480; the record names the limit. What is counted survives a reload of the policy.",
    caps(["concurrent_calls": "10000"], atOnce: "Calls at once, those that ring included.") + [
      .init(
        "per_caller", .object(callerCaps),
        "For each caller: one registered alias, or else one source address (IPv6: one /64). Calls that come over trunks are not counted here, but by the trunk."
      )
    ])

  static let callLimits = ObjectSchema(
    "limits",
    "Limits of a rule, a trunk or a destination. A transfer or a redirection counts as a new call. A call beyond a limit of a rule or a destination is refused with 480; beyond that of a trunk the next trunk is tried (cause congestion), and without one the call is refused with 503. The record names the limit.",
    caps(
      atOnce: "Calls at once, those that ring included; for a trunk also those that came over it.") + [
        .init(
          "per_caller", .object(callerCaps),
          "For each caller: one registered alias, or else one trunk that calls come over, or one source address (IPv6: one /64)."
        )
      ])

  static let callerCaps = ObjectSchema(
    "limits.per_caller", "Limits of each caller's share.",
    caps(atOnce: "Calls at once of one caller, those that ring included."))

  static let numbering = ObjectSchema(
    "numbering",
    "How telephone numbers are written, so that destination limits know a number in every form: `+44 20 7946 0000`, `00442079460000`, and with `country_code: 44` also `02079460000`. Visual separators, domains and parameters never count.",
    [
      .init(
        "international_prefixes", .oneOrMore(.numberPrefix), default: "[\"00\"]",
        "What stands before a country code.", example: "\"011\""),
      .init(
        "national_prefix", .text(maximumLength: 8), default: "\"0\"",
        "What stands before an area code; only with `country_code`. Empty: nothing does."),
      .init(
        "country_code", .text(maximumLength: 4), default: "none: national numbers are compared as written",
        "Our own country code, without `+`.", example: "\"44\""),
      .init(
        "access_prefixes", .list(.numberPrefix), default: "[\"*31#\", \"#31#\"]",
        "Dialled before the number proper: codes that hide the caller or choose a carrier. They are taken off.",
        example: "[\"*31#\", \"01033\"]"),
      .init(
        "bare_numbers",
        .choice([
          .init("local", "they are compared as written"),
          .init("national", "national numbers without their prefix"),
          .init("international", "international numbers without their `+`, as some carriers want them"),
        ]), default: "local", "What numbers of five digits and more without any prefix are."),
    ])

  static let destinationLimit = ObjectSchema(
    "destination_limits[]",
    "A limit on numbers as they leave, over a trunk or to another domain, after all replacements and transforms and whatever rule, transfer or redirection sent them there: it holds even when a rule is written carelessly. Exactly one applies to a number: that with the longest prefix; so a longer prefix makes an exception. One without `refuse` and `limits` lets its numbers pass.",
    [
      .init("name", name, required: true, "Unique; named in records of calls it refuses."),
      description,
      .init(
        "prefix", .oneOrMore(.numberPrefix), default: "whatever no other prefix covers",
        "What numbers begin with, best as `+` and country code; see `numbering`. `+` alone is every international number.",
        example: "[\"+49900\", \"+882\"]"),
      .init(
        "refuse", .boolean, default: "false",
        "Never call these numbers. Registered devices and trunks are told 403, strangers 404 as for a wrong number."
      ),
      .init(
        "limits", .object(callLimits), "Limits of all calls to these numbers together, and of each caller."),
    ])
}
