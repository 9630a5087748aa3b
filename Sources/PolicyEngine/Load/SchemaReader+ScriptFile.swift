import PolicyScript
import Yams

extension SchemaReader {
  /// Reads the script in the file that `node` names.
  mutating func scriptFile(_ node: Node) -> CheckedValue.Content {
    guard let scalar = node.scalar, !isNull(scalar), !scalar.string.isEmpty else {
      wrongType(node, expected: SchemaType.scriptFile.expectation)
      return .invalid
    }
    let path = resolved(scalar.string)
    switch lists.read(path) {
    case .failure(let failure):
      report("script-unavailable", "the script \(path) cannot be read: \(failure.reason)", at: node)
      return .invalid
    case .success(let bytes):
      listFiles.append(PolicyLoader.File(name: path, bytes: bytes))
      // Four bytes a character, and a mark; what is longer than a script may be is said where scripts are checked.
      guard bytes.count <= PolicyScript.maximumLength * 4 + 3 else {
        report(
          "too-long", "the script \(path) is too long", at: node, found: "\(bytes.count) bytes",
          expected: "at most \(PolicyScript.maximumLength) characters")
        return .invalid
      }
      let content = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? bytes.dropFirst(3) : bytes[...]
      guard let text = String(validating: content, as: UTF8.self) else {
        report("encoding", "the script \(path) is not UTF-8 text", at: node, suggestion: "save it as UTF-8")
        return .invalid
      }
      return .file(path: path, text: text)
    }
  }
}
