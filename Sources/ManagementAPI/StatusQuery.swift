import CallModel
import Conferences
import PolicyEngine

/// What a list of objects is asked for: filters, order, a page of it.
struct StatusQuery {
  struct Invalid: Error, Hashable {
    var message: String
  }

  private struct Filter {
    var field: String
    var operation: Operation
    var operand: String
  }

  private enum Operation: String, CaseIterable {
    case exact, iexact, contains, icontains, startswith, istartswith, endswith, iendswith, `in`, lt, lte, gt,
      gte, range
  }

  private var filters: [Filter] = []
  private var orders: [(field: String, isDescending: Bool)] = []
  private var limit = 20
  private var offset = 0
  /// What belongs to neither, to be repeated in the addresses of other pages.
  private var kept: [String] = []

  init(_ query: String) throws(Invalid) {
    guard let pairs = PercentCoding.pairs(query) else { throw Invalid(message: "The query cannot be read.") }
    for ((name, value), part) in zip(pairs, query.split(separator: "&")) {
      switch name {
      case "limit": limit = try StatusQuery.number(name, value)
      case "offset": offset = try StatusQuery.number(name, value)
      case "format": continue
      case "order_by":
        for field in value.split(separator: ",") {
          let isDescending = field.hasPrefix("-")
          orders.append((String(isDescending ? field.dropFirst() : field), isDescending))
        }
        kept.append(String(part))
      default:
        let halves = name.split(separator: "_", omittingEmptySubsequences: false)
        var filter = Filter(field: name, operation: .exact, operand: value)
        if halves.count > 2, halves[halves.count - 2].isEmpty {
          guard let operation = Operation(rawValue: String(halves[halves.count - 1])) else {
            throw Invalid(message: "“\(name)”: no such filter.")
          }
          filter.operation = operation
          filter.field = halves.dropLast(2).joined(separator: "_")
        }
        filter.operand = StatusQuery.timeAsWritten(filter.operand)
        filters.append(filter)
        kept.append(String(part))
      }
    }
  }

  /// A time with a zone, or with `Z`, as the fields have it: UTC without saying so.
  private static func timeAsWritten(_ text: String) -> String {
    guard text.utf8.count > 10, text.utf8.dropFirst(10).first == UInt8(ascii: "T"),
      text.hasSuffix("Z") || text.utf8.dropFirst(19).contains(where: { $0 == 0x2b || $0 == 0x2d }),
      let time = WallClock(iso8601: text)
    else { return text }
    return time.statusText
  }

  /// The earliest and the latest time that a field may have for the filters to take it, as far as they say so; to the second.
  func bounds(of field: String) -> (since: WallClock?, until: WallClock?) {
    var bounds: (since: WallClock?, until: WallClock?) = (nil, nil)
    func time(_ text: some StringProtocol) -> WallClock? { WallClock(iso8601: text.prefix(19) + "Z") }
    func raise(_ time: WallClock?) { bounds.since = [bounds.since, time].compactMap { $0 }.max() }
    func lower(_ time: WallClock?) {
      let end = time.map { WallClock(milliseconds: $0.milliseconds + 999) }
      bounds.until = [bounds.until, end].compactMap { $0 }.min()
    }
    for filter in filters where filter.field == field {
      switch filter.operation {
      case .gt, .gte: raise(time(filter.operand))
      case .lt, .lte: lower(time(filter.operand))
      case .exact:
        raise(time(filter.operand))
        lower(time(filter.operand))
      case .range:
        let ends = filter.operand.split(separator: ",")
        guard ends.count == 2 else { continue }
        raise(time(ends[0]))
        lower(time(ends[1]))
      default: continue
      }
    }
    return bounds
  }

  private static func number(_ name: String, _ value: String) throws(Invalid) -> Int {
    guard let number = Int(value), (0...1_000_000).contains(number) else {
      throw Invalid(message: "“\(name)” is not a number.")
    }
    return number
  }

  /// The page as the reference's lists are written.
  func page(of objects: [some ListedObject], at path: String) throws(Invalid) -> JSONText {
    if let sample = objects.first {
      for field in filters.map(\.field) + orders.map(\.field) where sample[field] == nil {
        throw Invalid(message: "“\(field)” is not a field that can be asked for.")
      }
    }
    var rows = objects.filter { object in filters.allSatisfy { StatusQuery.matches($0, object) } }
    for (field, isDescending) in orders.reversed() {
      // Stable, so that the first of several orders counts most.
      let keyed = rows.enumerated().map {
        (key: $0.element[field]?.sortText ?? "", place: $0.offset, row: $0.element)
      }
      rows = keyed.sorted {
        $0.key == $1.key ? $0.place < $1.place : ($0.key < $1.key) != isDescending
      }
      .map(\.row)
    }
    let total = rows.count
    let size = limit == 0 ? total : limit
    let shown = rows.dropFirst(offset).prefix(size)
    func address(_ offset: Int) -> JSONText {
      .string("\(path)?" + (["limit=\(limit)", "offset=\(offset)"] + kept).joined(separator: "&"))
    }
    return .object([
      (
        "meta",
        .object([
          ("limit", .integer(limit)), ("offset", .integer(offset)), ("total_count", .integer(total)),
          ("next", limit > 0 && offset + limit < total ? address(offset + limit) : .null),
          ("previous", limit > 0 && offset > 0 ? address(max(0, offset - limit)) : .null),
        ])
      ),
      ("objects", .array(shown.map(\.json))),
    ])
  }

  private static func matches(_ filter: Filter, _ object: some ListedObject) -> Bool {
    guard let value = object[filter.field]?.plainText else { return false }
    let operand = filter.operand
    switch filter.operation {
    case .exact:
      return value == operand || value == operand.lowercased() && ["true", "false"].contains(value)
    case .iexact: return value.lowercased() == operand.lowercased()
    case .contains: return value.contains(operand)
    case .icontains: return value.lowercased().contains(operand.lowercased())
    case .startswith: return value.hasPrefix(operand)
    case .istartswith: return value.lowercased().hasPrefix(operand.lowercased())
    case .endswith: return value.hasSuffix(operand)
    case .iendswith: return value.lowercased().hasSuffix(operand.lowercased())
    case .in: return operand.split(separator: ",").contains { $0 == value }
    case .lt: return order(value) < order(operand)
    case .lte: return order(value) <= order(operand)
    case .gt: return order(value) > order(operand)
    case .gte: return order(value) >= order(operand)
    case .range:
      let ends = operand.split(separator: ",").map(String.init)
      return ends.count == 2 && order(ends[0]) <= order(value) && order(value) <= order(ends[1])
    }
  }

  /// Numbers by their size, everything else as text; times are made to sort as text.
  private static func order(_ text: String) -> String { JSONText.string(text).sortText }
}

extension JSONText {
  /// As a filter sees it.
  fileprivate var plainText: String {
    switch self {
    case .string(let text): text
    case .integer(let number): String(number)
    case .number(let number): String(number)
    case .boolean(let flag): flag ? "true" : "false"
    case .null: ""
    case .array, .object: ""
    }
  }

  fileprivate var sortText: String {
    let text = plainText
    guard !text.isEmpty, text.utf8.count < 19, let number = Int(text), number >= 0 else { return text }
    return String(repeating: "0", count: 20 - text.utf8.count) + text
  }
}
