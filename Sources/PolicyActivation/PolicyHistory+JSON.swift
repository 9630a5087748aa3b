import CallModel
import JSONText
import PolicyEngine

/// What is known of a kept version beside its files.
struct KeptManifest {
  struct Item {
    /// Where the file was read from.
    var path: String
    /// What it is called here.
    var name: String
    /// A list of aliases, not a policy file.
    var isList: Bool
  }

  var hash: UInt64
  var directory: String
  var at: WallClock
  var omittedSecrets: Int
  var items: [Item]
}

extension KeptManifest {
  init(parsing bytes: [UInt8]) throws {
    let object = try ControlObject(parsing: bytes)
    guard let hash = UInt64(object.text("version_hash"), radix: 16) else {
      throw PolicyHistory.Failure.unreadable("the manifest of a kept version is damaged")
    }
    self.init(
      hash: hash, directory: object.text("directory"),
      at: WallClock(milliseconds: Int64(object.integer("at_ms") ?? 0)),
      omittedSecrets: object.integer("omitted_secrets") ?? 0,
      items: object.objects("files").map {
        Item(path: $0.text("path"), name: $0.text("name"), isList: $0.flag("list"))
      })
  }
}

extension PolicyHistory.Entry {
  init(parsing bytes: [UInt8]) throws {
    let object = try ControlObject(parsing: bytes)
    guard let at = WallClock(iso8601: object.text("at")), let way = Way(rawValue: object.text("way")) else {
      throw PolicyHistory.Failure.unreadable("an entry of the history is damaged")
    }
    self.init(
      at: at, version: object.text("version"), way: way, by: object.text("by"),
      directory: object.text("directory"), note: object.text("note"), overruled: object.texts("overruled"))
  }
}

extension PolicyHistory.Active {
  init(parsing bytes: [UInt8]) throws {
    let object = try ControlObject(parsing: bytes)
    guard !object.text("version").isEmpty else {
      throw PolicyHistory.Failure.unreadable("active.json is damaged")
    }
    self.init(version: object.text("version"), setAside: object.optionalText("set_aside"))
  }
}

/// A JSON object of ours, read by its keys. What is not there is empty.
struct ControlObject {
  private let object: JSONObject

  init(parsing bytes: [UInt8], limits: JSONReader.Limits = .init()) throws {
    guard case .object(let object) = try JSONReader.read(bytes, limits: limits).value else {
      throw PolicyHistory.Failure.unreadable("an object is expected")
    }
    self.object = object
  }

  private init(_ object: JSONObject) { self.object = object }

  func optionalText(_ key: String) -> String? {
    if case .string(let text)? = object[key]?.value { text } else { nil }
  }

  func text(_ key: String) -> String { optionalText(key) ?? "" }

  func integer(_ key: String) -> Int? {
    if case .integer(let number)? = object[key]?.value { Int(exactly: number) } else { nil }
  }

  func number(_ key: String) -> Double? {
    switch object[key]?.value {
    case .number(let number)?: number
    case .integer(let number)?: Double(number)
    default: nil
    }
  }

  func flag(_ key: String) -> Bool {
    if case .boolean(let value)? = object[key]?.value { value } else { false }
  }

  func texts(_ key: String) -> [String] {
    guard case .array(let items)? = object[key]?.value else { return [] }
    return items.compactMap { if case .string(let text) = $0.value { text } else { nil } }
  }

  func objects(_ key: String) -> [ControlObject] {
    guard case .array(let items)? = object[key]?.value else { return [] }
    return items.compactMap { if case .object(let object) = $0.value { ControlObject(object) } else { nil } }
  }
}
