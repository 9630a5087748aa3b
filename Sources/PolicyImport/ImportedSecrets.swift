import CallModel

/// Secrets of an export: in the policy they stand as references, never as they are.
struct ImportedSecrets {
  /// A secret that belongs into a file of its own.
  struct File {
    var name: String
    var secret: Secret
  }

  /// Where files with secrets go; nil: all are environment variables.
  let directory: String?
  private(set) var files: [File] = []
  private(set) var variables: [(name: String, purpose: String)] = []
  private var names: Set<String> = []

  init(directory: String?) { self.directory = directory }

  /// What stands in the policy in place of a secret.
  /// - Parameter value: nil or empty when the export does not give it away.
  mutating func reference(_ value: String?, to key: String, of title: String, _ resource: String)
    -> PolicyText
  {
    let name = unique("tandem_\(resource)_\(title)_\(key)")
    if let directory, let value, !value.isEmpty {
      files.append(File(name: name.lowercased(), secret: Secret(value)))
      return .short(["file": .text("\(directory)/\(name.lowercased())")])
    }
    let isMissing = value?.isEmpty ?? true
    variables.append(
      (name, "\(key) of \(resource) “\(title)”" + (isMissing ? " (the export does not give it away)" : "")))
    return .short(["env": .text(name)])
  }

  /// `TANDEM_DEVICE_ALICE_EXAMPLE_ORG_PASSWORD`
  private mutating func unique(_ text: String) -> String {
    var name = ""
    for byte in text.utf8 {
      let isWord = (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte | 0x20)
      if isWord {
        name.unicodeScalars.append(Unicode.Scalar(byte))
      } else if name.last != "_" {
        name += "_"
      }
    }
    name = String(name.uppercased().prefix(120))
    var candidate = name
    var number = 2
    while !names.insert(candidate).inserted {
      candidate = "\(name)_\(number)"
      number += 1
    }
    return candidate
  }
}
