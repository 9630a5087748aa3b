import CallModel

/// The language of the files in `policies/tests/`.
extension PolicySchema {
  static let testFile = ObjectSchema(
    "Policy test file",
    "Tests of a policy: all `*.yaml` files in the directory `tests` below it. `tandem test` runs them.",
    [.init("tests", .list(.object(test)), "Calls, and what must become of them.")])

  /// All objects of test files, in the order of the reference.
  static let testObjects = [
    testFile, test, testCall, testExternal, testDouble, testExpectation, testAttempt, expectedLimits,
  ]

  static let test = ObjectSchema(
    "tests[]", "One call and what is expected of it.",
    [
      .init("name", name, required: true, "Says what is tested; unique in its file."),
      .init(
        "call", .shorthand(testCall, key: "alias"), required: true, "The call; in short: the alias dialled."),
      .init(
        "external", .object(testExternal), default: "the hook's fallback decides",
        "What policy servers say. Nobody is asked: a server that would be, and stands not in here, says nothing."
      ),
      .init("expect", .object(testExpectation), required: true, "What must become of it."),
    ])

  static let testCall = ObjectSchema(
    "tests[].call", "A call that does not take place.",
    [
      .init(
        "alias", .text(maximumLength: 4_096), required: true, "What is dialled.",
        example: "sip:bob@example.org"),
      .init(
        "protocol", .choice("sip", "h323", "mssip", "webrtc", "rtmp", "teams", "api"), default: "sip",
        "Protocol of the caller."),
      .init("direction", .choice("in", "out", "non-dial"), default: "in", "As in `tandem explain`."),
      .init("from", .text(), default: "sip:anonymous@anonymous.invalid", "The calling alias."),
      .init("registered", .boolean, default: "false", "The caller is registered here."),
      .init("registered_as", .text(), "The alias the caller is registered as."),
      .init("location", .text(), default: "that of the source", "The location of the call."),
      .init("source", .ipAddress, "The address the call comes from."),
      .init("trunk", .text(), default: "that of the source", "The trunk the call comes over."),
      .init("capability", capability(auto: true), default: "video", "What the caller offers."),
      .init("tag", .text(), default: "empty", "The call's tag."),
      .init(
        "without_trunks", .list(.text()), default: "none",
        "Trunks assumed to be down. A live call tries them last and in vain: here they are not among the attempts."
      ),
      .init(
        "at", .text(), default: "2026-01-07T12:00:00Z, a Wednesday", "The time of the call, ISO 8601.",
        example: "2026-12-25T09:00:00+01:00"),
    ])

  static let testExternal = ObjectSchema(
    "tests[].external", "By the question, as in `policy_profiles[].hooks`.",
    [.init("service", .object(testDouble), "What the dialled alias is.")])

  static let testDouble = ObjectSchema(
    "tests[].external.*", "An answer, or that there is none.",
    [
      .init(
        "answer", .json, default: "empty", "The body: a mapping, or JSON text.",
        example: "{status: success, action: reject}"),
      .init("status", .integer(100...599), default: "200", "The HTTP status."),
      .init(
        "failure",
        .choice([
          .init("timeout", "no answer in time"), .init("refused", "no connection"),
          .init("invalid", "an answer that is void"),
        ]), default: "none", "Instead of an answer."),
    ])

  static let testExpectation = ObjectSchema(
    "tests[].expect", "What is not given is not compared.",
    [
      .init("decision", .choice("gateway", "service", "reject", "redirect"), "Kind of decision."),
      .init("rule", .text(), "Name of the rule that decides."),
      .init("service", .text(), "Name of the service that takes the call."),
      .init("alias", .text(maximumLength: 4_096), "What the alias becomes."),
      .init("target", .choice(PolicyBinding.targets.pairs.map { Choice($0.word) }), "Kind of target."),
      .init(
        "attempts", .list(.shorthand(testAttempt, key: "trunk")), "The trunks, all of them and in order.",
        example: "[carrier-a, carrier-b]"),
      .init("capability", capability(auto: true), "Media of the call."),
      .init("encryption", encryption, "Media encryption of the call."),
      .init(
        "destination", .word("none", or: .text()),
        "Name of the destination limit that the number falls under as it leaves by the first way out."),
      .init(
        "limits", .object(expectedLimits),
        "Limits that the call counts against, by what they are on."),
      .init("rejection", .choice(Rejection.allCases.map { Choice($0.word) }), "Why the call is refused."),
      .init("name", .text(), "Name of the service or gateway call."),
      .init("tag", .text(), "Tag of the service or gateway call."),
      .init("max_bandwidth_in", .bandwidth, "Received from each participant."),
      .init("max_bandwidth_out", .bandwidth, "Sent to each participant."),
      .init("caller", .text(), "The calling alias that the called party is told."),
      .init("caller_name", .text(), "The calling name that the called party is told."),
      .init(
        "server", .text(), "What became of the question to the policy server.",
        example: "used"),
      .init(
        "script", .choice(PolicyScriptRecord.Outcome.allCases.map { Choice($0.rawValue) }),
        "What became of the local script."),
    ])

  static let expectedLimits = ObjectSchema(
    "tests[].expect.limits",
    "Each as in the policy; what is not given is not compared. `concurrent_calls: unlimited` expects that there is no such limit.",
    [
      .init("service", .object(callLimits), "Those of the whole service, and of its caller."),
      .init("rule", .object(callLimits), "Those of the rule."),
      .init("trunk", .object(callLimits), "Those of the first trunk that is tried."),
      .init(
        "destination", .object(callLimits),
        "Those of the number as it leaves by the first way out (`destination`)."),
    ])

  static let testAttempt = ObjectSchema(
    "tests[].expect.attempts[]", "One trunk and what it is told. In short: its name alone.",
    [
      .init("trunk", .text(), required: true, "Name of the trunk."),
      .init("called", .text(maximumLength: 4_096), "The called alias on this trunk."),
      .init("calling", .text(maximumLength: 4_096), "The calling alias on this trunk."),
    ])

  private typealias Choice = SchemaType.Choice
}

extension Rejection {
  /// As in policy tests: `not_found`.
  public var word: String {
    var word = ""
    for character in rawValue {
      word += character.isUppercase ? "_\(character.lowercased())" : String(character)
    }
    return word
  }
}
