import CallModel

extension PolicyBinding {
  /// Over `limits`, which are the defaults.
  func bind(_ o: CheckedObject, into limits: inout CallLimits) {
    PolicyBinding.bind(o, into: &limits.total)
    if let caller = o.object("per_caller") { PolicyBinding.bind(caller, into: &limits.perCaller) }
  }

  static func bind(_ o: CheckedObject, into caps: inout CallCaps) {
    if o.isNone("concurrent_calls") { caps.concurrentCalls = nil }
    caps.concurrentCalls = o.integer("concurrent_calls") ?? caps.concurrentCalls
    caps.callsPerSecond = o.number("calls_per_second") ?? caps.callsPerSecond
    caps.calls = o.quota("calls") ?? caps.calls
    caps.callMinutes = o.quota("call_minutes") ?? caps.callMinutes
    caps.distinctDestinations = o.quota("distinct_destinations") ?? caps.distinctDestinations
    caps.maximumDuration = o.duration("maximum_duration") ?? caps.maximumDuration
  }

  func limits(_ o: CheckedObject) -> CallLimits {
    var limits = CallLimits()
    bind(o, into: &limits)
    return limits
  }

  func numbering(_ o: CheckedObject) -> Numbering {
    var numbering = Numbering()
    numbering.internationalPrefixes = o.texts("international_prefixes") ?? numbering.internationalPrefixes
    numbering.nationalPrefix = o.text("national_prefix") ?? numbering.nationalPrefix
    numbering.countryCode = o.text("country_code")
    numbering.accessPrefixes = o.texts("access_prefixes") ?? numbering.accessPrefixes
    numbering.bareNumbers =
      o.text("bare_numbers").flatMap(Numbering.BareNumbers.init(rawValue:)) ?? numbering.bareNumbers
    return numbering
  }

  func destinationLimit(_ o: CheckedObject) -> DestinationLimit {
    DestinationLimit(
      name: o.text("name") ?? "", description: o.text("description") ?? "", prefixes: o.texts("prefix") ?? [],
      isRefused: o.boolean("refuse") ?? false, limits: o.object("limits").map(limits) ?? CallLimits())
  }
}
