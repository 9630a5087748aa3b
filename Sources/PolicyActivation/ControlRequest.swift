import CallModel
import JSONText
import PolicyEngine

/// What an admin on this host asks of the running service: one line of JSON, answered by one line.
public enum ControlRequest: Sendable {
  case status
  case activate(PolicyLifecycle.ActivationRequest)
  case rollback(version: String?, by: String, note: String)
  case startShadow(directory: String)
  case stopShadow
  case reportShadow

  /// Bytes of one line.
  public static let maximumLength = 65_536

  public struct Invalid: Error, CustomStringConvertible {
    public var description: String
  }

  /// Reads a line; `isJSON` tells in which form the answer is wanted.
  public static func parse(_ line: [UInt8]) throws(Invalid) -> (request: ControlRequest, isJSON: Bool) {
    let object: ControlObject
    do {
      object = try ControlObject(
        parsing: line, limits: JSONReader.Limits(bytes: maximumLength, depth: 4, values: 64))
    } catch {
      throw Invalid(description: "not a request: \(error)")
    }
    func required(_ key: String) throws(Invalid) -> String {
      guard let text = object.optionalText(key), !text.isEmpty else {
        throw Invalid(description: "“\(key)” is missing")
      }
      return text
    }
    /// Whoever asks may have another working directory.
    func directory() throws(Invalid) -> String {
      let path = try required("directory")
      guard path.hasPrefix("/") else { throw Invalid(description: "“directory” is not an absolute path") }
      return path
    }
    let request: ControlRequest
    switch try required("command") {
    case "status": request = .status
    case "activate":
      let share = object.number("max_difference") ?? 0
      guard (0...100).contains(share) else {
        throw Invalid(description: "“max_difference” is not a percentage")
      }
      request = .activate(
        PolicyLifecycle.ActivationRequest(
          directory: try directory(), maximumShare: share,
          replaySince: object.integer("replay_since_ms").map { WallClock(milliseconds: Int64($0)) },
          isConfirmed: object.flag("confirm"), by: object.text("by"), note: object.text("note")))
    case "rollback":
      request = .rollback(
        version: object.optionalText("version"), by: object.text("by"), note: object.text("note"))
    case "shadow_start": request = .startShadow(directory: try directory())
    case "shadow_stop": request = .stopShadow
    case "shadow_report": request = .reportShadow
    case let other: throw Invalid(description: "unknown command “\(other)”")
    }
    return (request, object.flag("json"))
  }
}

/// The answer: what to print, and with which code to exit.
public struct ControlReply: Hashable, Sendable {
  /// 0: done; 1: refused, or it could not be done.
  public var exitCode: Int32
  public var output: String

  public init(exitCode: Int32, output: String) {
    self.exitCode = exitCode
    self.output = output
  }

  public init(parsing line: [UInt8]) throws {
    let object = try ControlObject(
      parsing: line, limits: JSONReader.Limits(bytes: ControlReply.maximumLength, depth: 4, values: 64))
    guard let code = object.integer("exit"), let output = object.optionalText("output") else {
      throw ControlRequest.Invalid(description: "not an answer")
    }
    self.init(exitCode: Int32(clamping: code), output: output)
  }

  /// Bytes of one line.
  public static let maximumLength = 16 << 20
}

/// Cuts what arrives into lines, within bounds.
public struct ControlLines: Sendable {
  private var bytes: [UInt8] = []
  private let limit: Int

  public init(limit: Int = ControlRequest.maximumLength) { self.limit = limit }

  /// Adds bytes; the lines that are complete now, without their ends.
  /// - Throws: ``ControlRequest/Invalid`` when a line is longer than the limit.
  public mutating func add(_ more: some Sequence<UInt8>) throws(ControlRequest.Invalid) -> [[UInt8]] {
    var lines: [[UInt8]] = []
    for byte in more {
      if byte == 0x0a {
        lines.append(bytes)
        bytes.removeAll(keepingCapacity: true)
        continue
      }
      guard bytes.count < limit else {
        throw ControlRequest.Invalid(description: "a line has more than \(limit) bytes")
      }
      bytes.append(byte)
    }
    return lines
  }
}
