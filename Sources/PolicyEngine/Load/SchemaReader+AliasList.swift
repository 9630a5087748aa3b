import Yams

extension SchemaReader {
  /// Reads the file that `node` names: one alias a line, `#` begins a comment line.
  mutating func aliasList(_ node: Node) -> CheckedValue.Content {
    guard let scalar = node.scalar, !isNull(scalar), !scalar.string.isEmpty else {
      wrongType(node, expected: SchemaType.aliasList.expectation)
      return .invalid
    }
    let path = resolved(scalar.string)
    let bytes: [UInt8]
    switch lists.read(path) {
    case .failure(let failure):
      report("list-unavailable", "the list \(path) cannot be read: \(failure.reason)", at: node)
      return .invalid
    case .success(let read): bytes = read
    }
    listFiles.append(PolicyLoader.File(name: path, bytes: bytes))
    let content = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? bytes.dropFirst(3) : bytes[...]
    guard let text = String(validating: content, as: UTF8.self) else {
      report("encoding", "the list \(path) is not UTF-8 text", at: node, suggestion: "save it as UTF-8")
      return .invalid
    }
    let place = position(node)
    var items: [CheckedValue] = []
    var isGood = true
    /// Says what is wrong with a line of the list itself; after ten of them the point is made.
    var complaints = 0
    func complain(_ message: String, _ line: Int) -> PolicyDiagnostic? {
      isGood = false
      complaints += 1
      guard complaints <= 10 else { return nil }
      return PolicyDiagnostic(
        .error, code: "list-entry", message, file: path, line: line,
        related: [
          .init(file: source.name, line: place.line, column: place.column, message: "the list is used here")
        ]
      )
    }
    // By bytes: to Swift, carriage return and line feed are one character.
    for (i, line) in text.utf8.split(separator: 0x0a, omittingEmptySubsequences: false).enumerated() {
      let alias = String(Substring(line)).trimmingBlanks
      guard !alias.isEmpty, !alias.hasPrefix("#") else { continue }
      var complaint: PolicyDiagnostic?
      if alias.unicodeScalars.count > ListSource.maximumLength {
        complaint = complain("this alias has more than \(ListSource.maximumLength) characters", i + 1)
      } else if alias.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) {
        complaint = complain("this alias has control characters in it", i + 1)
      } else if items.count >= ListSource.maximumCount {
        if let complaint = complain("more than \(ListSource.maximumCount) aliases", i + 1) {
          diagnostics.append(complaint)
        }
        break
      }
      if let complaint { diagnostics.append(complaint) }
      items.append(CheckedValue(position: place, content: .text(alias)))
    }
    return isGood ? .list(items) : .invalid
  }
}

extension String {
  /// Without blanks, tabs and carriage returns at its ends.
  fileprivate var trimmingBlanks: String {
    let isBlank = { (byte: UInt8) in byte == 0x20 || byte == 0x09 || byte == 0x0d }
    var bytes = utf8.drop(while: isBlank)
    while let last = bytes.last, isBlank(last) { bytes.removeLast() }
    return String(bytes) ?? self
  }
}
