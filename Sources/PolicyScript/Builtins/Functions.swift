import CallModel
import TimeZones

/// Functions by name: Jinja's that make sense here, and the `pex_*` ones. All of the latter are filters too.
enum Functions {
  static let all: [String: Function] = {
    var all: [String: Function] = [:]
    for function in custom + [range, dictionary, namespace] { all[function.name] = function }
    return all
  }()

  static let range = Function("range", Signature("start", "stop?", "step?")) { bound, _, run throws(Fault) in
    let first = try (bound[0] ?? .none).requireInteger("the start")
    let second = try bound[1]?.requireInteger("the end")
    let step = try bound[2]?.requireInteger("the step") ?? 1
    guard step != 0 else { throw Fault(.value, "the step of a range cannot be 0") }
    guard let range = RangeValue(start: second == nil ? 0 : first, stop: second ?? first, step: step) else {
      throw Fault(.arithmetic, "the range is too large")
    }
    return .range(range)
  }

  private static func mapping(_ bound: [Value?], _ arguments: Arguments, _ run: Run) throws(Fault)
    -> DictionaryStorage
  {
    guard arguments.positional.count <= 1 else { throw Fault(.type, "at most one plain argument is taken") }
    let dictionary = run.makeDictionary()
    if let values = arguments.positional.first { try Methods.update(dictionary, with: values, run) }
    for (name, value) in arguments.keywords { try run.set(.text(name), to: value, in: dictionary) }
    return dictionary
  }

  private static let dictionary = Function("dict", .variadic()) { bound, arguments, run throws(Fault) in
    .dictionary(try mapping(bound, arguments, run))
  }

  private static let namespace = Function("namespace", .variadic()) { bound, arguments, run throws(Fault) in
    let namespace = Namespace(try mapping(bound, arguments, run))
    run.own(namespace)
    return .object(namespace)
  }

  /// The position of the argument that is a regular expression, not counting a filter's value.
  static func patternPosition(_ name: String, isFilter: Bool) -> Int? {
    switch name {
    case "pex_regex_replace", "pex_find_first_match": isFilter ? 0 : 1
    case "pex_regex_search": 0
    default: nil
    }
  }

  /// Functions whose first argument is not what is piped in when they stand as a filter.
  static let asFilter: [String: Function] = [
    // {{ text|pex_regex_search(pattern) }}
    "pex_regex_search": Function("pex_regex_search", Signature("string", "pattern")) {
      bound, _, run throws(Fault) in
      try search(bound[1], bound[0], run)
    },
    // {{ ""|pex_random_pin(6) }}
    "pex_random_pin": Function("pex_random_pin", Signature("value", "length")) {
      bound, _, run throws(Fault) in
      try randomPIN(bound[1], run)
    },
    "pex_uuid4": Function("pex_uuid4", Signature("value")) { _, _, run throws(Fault) in randomUUID(run) },
  ]

  static let custom: [Function] =
    [
      Function("pex_to_json", Signature("value")) { bound, _, run throws(Fault) in
        var bytes: [UInt8] = []
        try run.writeJSON(bound[0] ?? .none, to: &bytes)
        try run.check(bytes: bytes.count)
        return .string(Text(bytes: bytes))
      },
      Function("pex_update", Signature("value", "changes?", isVariadic: true)) {
        bound, arguments, run throws(Fault) in
        guard case .dictionary(let original)? = bound[0] else {
          let value = bound[0] ?? .none
          try run.requireDefined(value)
          throw Fault(.type, "“pex_update” needs a dict, found \(value.described)")
        }
        guard arguments.positional.count <= 2 else {
          throw Fault(.type, "“pex_update” takes one dict of changes")
        }
        let copy = try run.copy(original)
        if let changes = bound[1] {
          try run.requireDefined(changes)
          try Methods.update(copy, with: changes, run)
        }
        for (name, value) in arguments.keywords where name != "changes" {
          try run.set(.text(name), to: value, in: copy)
        }
        return .dictionary(copy)
      },
      Function("pex_regex_replace", Signature("string", "find", "replace")) { bound, _, run throws(Fault) in
        let text = try plainText(bound[0])
        let pattern = try run.pattern(plainText(bound[1]))
        let template = try PatternTemplate(plainText(bound[2]), for: pattern)
        return .string(try run.replace(pattern, in: text, with: template))
      },
      Function("pex_regex_search", Signature("pattern", "string")) { bound, _, run throws(Fault) in
        try search(bound[0], bound[1], run)
      },
      Function("pex_find_first_match", Signature("list", "pattern")) { bound, _, run throws(Fault) in
        let pattern = try run.pattern(plainText(bound[1]))
        let list = bound[0] ?? .none
        try run.requireDefined(list)
        for item in try run.items(of: list) where try run.search(pattern, in: plainText(item)) != nil {
          return item
        }
        return .none
      },
      Function("pex_in_subnet", Signature("address", "networks")) { bound, _, run throws(Fault) in
        .boolean(try Networks.contain(bound[0] ?? .none, bound[1] ?? .none, run))
      },
      Function("pex_now", Signature("tz?")) { bound, _, run throws(Fault) in
        var zone = TimeZoneRules.utc
        if let given = bound[0], !given.isNone {
          let name = try given.requireText("the time zone").string
          guard let rules = run.environment.timeZone(name) else {
            throw Fault(
              .value, "the time zone “\(name)” is unknown", "give an IANA name such as Europe/London")
          }
          zone = rules
        }
        let time = DateTime(run.environment.wallClock(), in: zone)
        run.own(time)
        return .object(time)
      },
      Function("pex_debug_log", .variadic()) { _, arguments, run throws(Fault) in
        var bytes: [UInt8] = []
        for (i, value) in arguments.positional.enumerated() {
          if i > 0 { bytes.append(UInt8(ascii: ",")) }
          try run.write(value, to: &bytes)
        }
        try run.log(Text(bytes: bytes))
        return .string(.empty)
      },
      Function("pex_hash", Signature("value")) { bound, _, run throws(Fault) in
        let digest = try Digest.sha256(plainText(bound[0], run))
        var limbs: [UInt32] = []
        for i in stride(from: 12, through: 0, by: -4) {
          limbs.append(digest[i..<(i + 4)].reduce(0) { $0 << 8 | UInt32($1) })
        }
        let digits = BigInteger(limbs: limbs, isNegative: false).text
        return .text(String(repeating: "0", count: 39 - digits.count) + digits)
      },
      Function("pex_md5", Signature("value")) { bound, _, run throws(Fault) in
        .text(Digest.hexadecimal(try Digest.md5(plainText(bound[0], run))))
      },
      Function("pex_base64", Signature("value")) { bound, _, run throws(Fault) in
        .string(WebText.base64(try plainText(bound[0], run).bytes))
      },
      Function("pex_to_uuid", Signature("value")) { bound, _, run throws(Fault) in
        let text = try plainText(bound[0], run)
        guard let bytes = WebText.base64Decoded(text.trimmed.bytes), bytes.count == 16 else {
          throw Fault(.value, "“pex_to_uuid” needs 16 bytes in base64, found \(Value.string(text).described)")
        }
        return .text(uuid(bytes))
      },
      Function("pex_uuid4", Signature()) { _, _, run throws(Fault) in randomUUID(run) },
      Function("pex_random_pin", Signature("length")) { bound, _, run throws(Fault) in
        try randomPIN(bound[0], run)
      },
      Function("pex_head", Signature("value", "count")) { bound, _, run throws(Fault) in
        let text = try plainText(bound[0], run)
        return .string(text[0..<min(try length(bound[1]), text.count)])
      },
      Function("pex_tail", Signature("value", "count")) { bound, _, run throws(Fault) in
        let text = try plainText(bound[0], run)
        let count = text.count
        return .string(text[(count - min(try length(bound[1]), count))..<count])
      },
      Function("pex_reverse", Signature("value")) { bound, _, run throws(Fault) in
        .string(Text(scalars: try plainText(bound[0], run).scalars.reversed()))
      },
      Function("pex_strlen", Signature("value")) { bound, _, run throws(Fault) in
        .integer(try plainText(bound[0], run).count)
      },
      Function("pex_clean_phone_number", Signature("value")) { bound, _, run throws(Fault) in
        let digits = try plainText(bound[0], run).bytes.filter {
          (0x30...0x39).contains($0) || $0 == UInt8(ascii: "+")
        }
        return .string(Text(bytes: digits))
      },
      Function("pex_require_min_length", Signature("value", "length")) { bound, _, run throws(Fault) in
        let value = bound[0] ?? .none
        try run.requireDefined(value)
        let wanted = try length(bound[1])
        let count = if let length = run.length(of: value) { length } else { try plainText(value, run).count }
        guard count >= wanted else {
          throw Fault(.notApplied, "the value has a length of \(count), and \(wanted) is required")
        }
        return value
      },
      Function("pex_url_encode", Signature("value")) { bound, _, run throws(Fault) in
        .string(WebText.percentEncoded(try plainText(bound[0], run)))
      },
      Function("pex_url_decode", Signature("value")) { bound, _, run throws(Fault) in
        .string(WebText.percentDecoded(try plainText(bound[0], run).bytes))
      },
      Function("pex_safelinks_decode", Signature("value")) { bound, _, run throws(Fault) in
        .string(WebText.safeLinksDecoded(try plainText(bound[0], run)))
      },
      Function("pex_urldefense_decode", Signature("value")) { bound, _, run throws(Fault) in
        .string(WebText.urlDefenseDecoded(try plainText(bound[0], run)))
      },
    ]

  // MARK: Parts

  /// A text, or a number or truth value as text. `None` is none: its name must not end up in an alias.
  private static func plainText(_ value: Value?) throws(Fault) -> Text {
    switch value ?? .none {
    case .string(let text): return text
    case .integer(let n): return Text(String(n))
    case .bigInteger(let n): return Text(n.text)
    case .float(let n): return Text(FloatText.repr(n))
    case .boolean(let value): return Text(value ? "True" : "False")
    case let other: return try other.requireText("the value")
    }
  }

  private static func plainText(_ value: Value?, _ run: Run) throws(Fault) -> Text {
    let text = try plainText(value)
    try run.charge(bytes: text.bytes.count)
    return text
  }

  private static func length(_ value: Value?) throws(Fault) -> Int {
    let n = try (value ?? .none).requireInteger("the length")
    guard n >= 0 else { throw Fault(.value, "a length cannot be negative, found \(n)") }
    return n
  }

  /// The groups of the first match, or the whole of it when there are none; `None` without a match.
  private static func search(_ pattern: Value?, _ text: Value?, _ run: Run) throws(Fault) -> Value {
    let pattern = try run.pattern(plainText(pattern))
    let text = try plainText(text)
    guard let match = try run.search(pattern, in: text) else { return .none }
    let groups = match.count > 1 ? match[1...] : match[...]
    return try run.list(groups.map { range in range.map { .string(Text(bytes: text.bytes[$0])) } ?? .none })
  }

  private static func uuid(_ bytes: [UInt8]) -> String {
    let digits = Array(Digest.hexadecimal(bytes))
    return [digits[0..<8], digits[8..<12], digits[12..<16], digits[16..<20], digits[20..<32]].map {
      String($0)
    }
    .joined(separator: "-")
  }

  /// RFC 9562 §5.4.
  private static func randomUUID(_ run: Run) -> Value {
    var bytes: [UInt8] = []
    for _ in 0..<2 {
      let number = run.environment.random()
      for shift in stride(from: 56 as UInt64, through: 0, by: -8) {
        bytes.append(UInt8(truncatingIfNeeded: number >> shift))
      }
    }
    bytes[6] = bytes[6] & 0x0f | 0x40
    bytes[8] = bytes[8] & 0x3f | 0x80
    return .text(uuid(bytes))
  }

  private static func randomPIN(_ length: Value?, _ run: Run) throws(Fault) -> Value {
    let count = try self.length(length)
    guard (1...128).contains(count) else { throw Fault(.value, "a PIN has 1 to 128 digits, found \(count)") }
    var digits: [UInt8] = []
    while digits.count < count {
      let number = run.environment.random()
      // The last numbers would make small digits likelier.
      if number < UInt64.max - UInt64.max % 10 { digits.append(0x30 + UInt8(number % 10)) }
      try run.step()
    }
    return .string(Text(bytes: digits))
  }
}

/// `pex_in_subnet`.
enum Networks {
  /// False for what is no address.
  static func contain(_ address: Value, _ networks: Value, _ run: Run) throws(Fault) -> Bool {
    var all: [Value]
    if case .string = networks {
      all = [networks]
    } else {
      try run.requireDefined(networks)
      all = try run.items(of: networks)
    }
    var isContained = false
    let ip: IPAddress? =
      if case .string(let text) = address { IPAddress(text.string)?.withoutMapping } else { nil }
    for value in all {
      try run.step()
      let text = try value.requireText("a network").string
      guard let network = network(text) else {
        throw Fault(
          .value, "“\(text)” is no network", "write an address and the length of its prefix: 192.0.2.0/24")
      }
      if let ip, network.contains(ip) { isContained = true }
    }
    return isContained
  }

  private static func network(_ text: String) -> IPNetwork? {
    if let network = IPNetwork(text) { return network }
    // 10.0.0.0/255.0.0.0
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let address = IPAddress(parts[0]), case .v4(let mask)? = IPAddress(parts[1])
    else {
      return nil
    }
    let length = (~mask).leadingZeroBitCount
    guard mask == (length == 0 ? 0 : UInt32.max << UInt32(32 - length)) else { return nil }
    return IPNetwork(address, prefixLength: length)
  }
}

extension IPAddress {
  /// `::ffff:192.0.2.1`, as a dual-stack socket reports an IPv4 peer, is `192.0.2.1`.
  fileprivate var withoutMapping: IPAddress {
    if case .v6(0, let low) = self, low >> 32 == 0xffff { return .v4(UInt32(truncatingIfNeeded: low)) }
    return self
  }
}
