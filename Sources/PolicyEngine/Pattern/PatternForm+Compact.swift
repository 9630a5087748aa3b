extension PatternForm {
  /// All of it in one text, as rules keep it: a form has seven lists and numbers, of which most rules use one or two.
  ///
  /// Lists are their number of entries, then each entry behind its number of bytes: `1,4:1234`.
  var compact: String {
    var text = "\(isDomainRequired ? "R" : "O")"
    if let digits {
      text += "\(digits.lowerBound)-\(digits.upperBound == .max ? "" : "\(digits.upperBound)")"
    }
    text += ";"
    let lists = [texts, file.map { [$0] } ?? [], prefixes, suffixes, ranges.map(\.description), domains]
    for list in lists {
      text += "\(list.count),"
      for entry in list { text += "\(entry.utf8.count):\(entry)" }
    }
    return text
  }

  /// What ``compact`` was made from.
  init(compact text: String) {
    var rest = Array(text.utf8)[...]
    func number() -> Int? {
      var value: Int?
      while let byte = rest.first, (0x30...0x39).contains(byte) {
        value = (value ?? 0) * 10 + Int(byte - 0x30)
        rest.removeFirst()
      }
      return value
    }
    func list() -> [String] {
      let count = number() ?? 0
      rest.removeFirst()
      return (0..<count).map { _ in
        let length = number() ?? 0
        let entry = rest.dropFirst().prefix(length)
        rest = rest.dropFirst(1 + length)
        return String(decoding: entry, as: UTF8.self)
      }
    }
    self.init(isDomainRequired: rest.removeFirst() == UInt8(ascii: "R"))
    if let lowest = number() {
      rest.removeFirst()
      digits = lowest...(number() ?? .max)
    }
    rest.removeFirst()
    texts = list()
    file = list().first
    prefixes = list()
    suffixes = list()
    ranges = list().compactMap(NumberRange.init)
    domains = list()
  }
}
