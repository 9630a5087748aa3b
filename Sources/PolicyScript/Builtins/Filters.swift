/// Filters by name: Jinja's standard ones that are enabled, and the `pex_*` ones.
enum Filters {
  static let all: [String: Function] = {
    var all: [String: Function] = [:]
    for function in standard { all[function.name] = function }
    all["d"] = all["default"]
    all["count"] = all["length"]
    all["range"] = Functions.range
    for function in Functions.custom { all[function.name] = Functions.asFilter[function.name] ?? function }
    return all
  }()

  /// Filters that Jinja has and policy scripts have not.
  static let disabled: Set<String> = [
    "attr", "batch", "center", "dictsort", "e", "escape", "filesizeformat", "forceescape", "groupby",
    "indent",
    "items", "list", "map", "max", "min", "pprint", "random", "reject", "rejectattr", "reverse", "safe",
    "select",
    "selectattr", "slice", "sort", "string", "sum", "title", "tojson", "unique", "urlencode", "urlize",
    "wordcount",
    "wordwrap", "xmlattr",
  ]

  private static let standard: [Function] = [
    Function("abs", Signature("x")) { bound, _, run throws(Fault) in
      let value = bound[0] ?? .none
      switch Number(value) {
      case .integer(let n): return n < 0 ? try run.negated(value) : .integer(n)
      case .big(let n): return n.isNegative ? Value(-n) : value
      case .float(let n): return .float(n.magnitude)
      case nil:
        try run.requireDefined(value)
        throw Fault(.type, "“abs” needs a number, found \(value.described)")
      }
    },
    Function("capitalize", Signature("s")) { bound, _, run throws(Fault) in
      .string(try run.text(bound[0] ?? .none, charged: true).capitalized)
    },
    Function("lower", Signature("s")) { bound, _, run throws(Fault) in
      .string(try run.text(bound[0] ?? .none, charged: true).lowercased)
    },
    Function("upper", Signature("s")) { bound, _, run throws(Fault) in
      .string(try run.text(bound[0] ?? .none, charged: true).uppercased)
    },
    Function("default", Signature("value", "default_value?", "boolean?")) { bound, _, _ throws(Fault) in
      let value = bound[0] ?? .none
      let isReplaced = value.isUndefined || bound[2]?.isTrue == true && !value.isTrue
      return isReplaced ? bound[1] ?? .string(.empty) : value
    },
    Function("first", Signature("seq")) { bound, _, run throws(Fault) in
      var iterator = try run.iterator(over: bound[0] ?? .none)
      return try iterator.next(run) ?? .undefined(.other("the sequence has no first element"))
    },
    Function("last", Signature("seq")) { bound, _, run throws(Fault) in
      let value = bound[0] ?? .none
      let missing = Value.undefined(.other("the sequence has no last element"))
      switch value {
      case .undefined: return missing
      case .list(let list): return list.items.last ?? missing
      case .tuple(let tuple): return tuple.items.last ?? missing
      case .dictionary, .view: return try run.items(of: value).last ?? missing
      case .string, .range:
        let count = run.length(of: value) ?? 0
        return count == 0 ? missing : try run.element(of: value, at: .integer(count - 1))
      default: throw Fault(.type, "\(value.described) has no last element")
      }
    },
    Function("float", Signature("value", "default?")) { bound, _, run throws(Fault) in
      try Conversion.float(bound[0] ?? .none, run).map { .float($0) } ?? bound[1] ?? .float(0)
    },
    Function("int", Signature("value", "default?", "base?")) { bound, _, run throws(Fault) in
      let base = try bound[2]?.requireInteger("the base") ?? 10
      return try Conversion.integer(bound[0] ?? .none, base: base, run) ?? bound[1] ?? .integer(0)
    },
    Function("format", .variadic("value")) { bound, arguments, run throws(Fault) in
      let format = try run.text(bound[0] ?? .none)
      let values = Array(arguments.positional.dropFirst())
      guard !arguments.keywords.isEmpty else {
        return .string(try PercentFormat.apply(format, to: try run.tuple(values), run))
      }
      guard values.isEmpty else {
        throw Fault(.type, "“format” takes positional or named arguments, not both")
      }
      let dictionary = run.makeDictionary()
      for (name, value) in arguments.keywords { try run.set(.text(name), to: value, in: dictionary) }
      return .string(try PercentFormat.apply(format, to: .dictionary(dictionary), run))
    },
    Function("join", Signature("value", "d?", "attribute?")) { bound, _, run throws(Fault) in
      let separator = try run.text(bound[1] ?? .string(.empty))
      var bytes: [UInt8] = []
      var isFirst = true
      var iterator = try run.iterator(over: bound[0] ?? .none)
      while var item = try iterator.next(run) {
        try run.step()
        if let attribute = bound[2], !attribute.isNone { item = try run.element(of: item, path: attribute) }
        if !isFirst { bytes += separator.bytes }
        isFirst = false
        try run.write(item, to: &bytes)
        try run.check(bytes: bytes.count)
      }
      try run.charge(bytes: bytes.count)
      return .string(Text(bytes: bytes))
    },
    Function("length", Signature("obj")) { bound, _, run throws(Fault) in
      let value = bound[0] ?? .none
      guard let count = run.length(of: value) else { throw Fault(.type, "\(value.described) has no length") }
      return .integer(count)
    },
    Function("replace", Signature("s", "old", "new", "count?")) { bound, _, run throws(Fault) in
      var count = -1
      if let given = bound[3], !given.isNone { count = try given.requireInteger("the count") }
      return .string(
        try TextMethods.replace(
          run.text(bound[0] ?? .none), run.text(bound[1] ?? .none), run.text(bound[2] ?? .none), count, run))
    },
    Function("round", Signature("value", "precision?", "method?")) { bound, _, run throws(Fault) in
      try Conversion.rounded(bound[0] ?? .none, bound[1], bound[2], run)
    },
    Function("striptags", Signature("value")) { bound, _, run throws(Fault) in
      .string(try HTMLText.withoutTags(run.text(bound[0] ?? .none, charged: true), run))
    },
    Function("trim", Signature("value", "chars?")) { bound, _, run throws(Fault) in
      .string(
        try TextMethods.strip(
          run.text(bound[0] ?? .none, charged: true), bound[1], leading: true, trailing: true))
    },
    Function("truncate", Signature("s", "length?", "killwords?", "end?", "leeway?")) {
      bound, _, run throws(Fault) in
      let value = bound[0] ?? .none
      if case .undefined = value { return value }
      let length = try bound[1]?.requireInteger("the length") ?? 255
      let end = try bound[3]?.requireText("the end") ?? Text("...")
      var leeway = 5
      if let given = bound[4], !given.isNone { leeway = try given.requireInteger("the leeway") }
      let kept = length.subtractingReportingOverflow(end.count)
      guard !kept.overflow, kept.partialValue >= 0, leeway >= 0 else {
        throw Fault(.value, "the length must not be less than that of the end, and the leeway not below 0")
      }
      let (most, overflow) = length.addingReportingOverflow(leeway)
      if let count = run.length(of: value), overflow || count <= most { return value }
      let text = try value.requireText("what is truncated")
      var start = text[0..<kept.partialValue]
      if bound[2]?.isTrue != true, let space = start.bytes.lastIndex(of: UInt8(ascii: " ")) {
        start = Text(bytes: start.bytes[..<space])
      }
      return try run.joined(start, end)
    },
  ]
}

extension Value {
  var isNone: Bool { if case .none = self { true } else { false } }
}

extension Run {
  func text(_ value: Value, charged: Bool) throws(Fault) -> Text {
    let text = try text(value)
    try charge(bytes: text.bytes.count)
    return text
  }

  /// The element at a path such as `a.b.0`, as the filter `join` takes it.
  func element(of value: Value, path: Value) throws(Fault) -> Value {
    guard case .string(let path) = path else { return try element(of: value, at: path) }
    var result = value
    for part in path.string.split(separator: ".", omittingEmptySubsequences: false) {
      let index = part.allSatisfy { $0.isASCII && $0.isNumber } ? Int(part).map { Value.integer($0) } : nil
      result = try element(of: result, at: index ?? .text(String(part)))
    }
    return result
  }
}
