import Foundation
import Logging

/// How a log line looks.
public enum LogFormat: String, Sendable, CaseIterable {
  /// `ts=… level=info call=… msg="…" key=value`: for people and for grep.
  case logfmt
  /// One JSON object a line: for collectors.
  case json
}

/// Writes log events as one line each: time (UTC), level, call id, message, metadata in the order of their keys.
///
/// The id of the call stands under the metadata key `call` on every line that belongs to one, so that one `grep` shows
/// everything a call did. Values under secret keys are replaced, and so are credentials in the text of messages (see
/// ``Redaction``).
public struct StructuredLogHandler: LogHandler {
  public var metadata: Logger.Metadata = [:]
  public var metadataProvider: Logger.MetadataProvider?
  public var logLevel: Logger.Level = .info

  private let label: String
  private let format: LogFormat
  private let output: LogOutput
  private let now: @Sendable () -> timespec

  /// - Parameter now: The wall clock, for tests.
  public init(
    label: String, format: LogFormat = .logfmt, output: LogOutput = .standardError,
    level: Logger.Level = .info, now: (@Sendable () -> timespec)? = nil
  ) {
    self.label = label
    self.format = format
    self.output = output
    self.now =
      now ?? {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return time
      }
    logLevel = level
  }

  public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  public func log(event: LogEvent) {
    var all = metadata
    if let provided = metadataProvider?.get(), !provided.isEmpty { all.merge(provided) { $1 } }
    if let own = event.metadata, !own.isEmpty { all.merge(own) { $1 } }
    if let error = event.error { all["error"] = "\(error)" }
    let call = all.removeValue(forKey: "call")

    var line = LogLine(format: format)
    line.add("ts", LogLine.text(of: now()))
    line.add("level", event.level.rawValue)
    if let call { line.add("call", Redaction.text(of: call)) }
    line.add("msg", Redaction.scrub("\(event.message)"))
    line.add("logger", label)
    for key in all.keys.sorted() {
      guard let value = all[key] else { continue }
      line.add(key, Redaction.isSecret(key: key) ? Redaction.placeholder : Redaction.text(of: value))
    }
    output.append(line.finished(), isUrgent: event.level >= .warning)
  }
}

/// One line under construction.
struct LogLine {
  private let format: LogFormat
  private var bytes: [UInt8] = []

  init(format: LogFormat) {
    self.format = format
    bytes.reserveCapacity(256)
    if format == .json { bytes.append(UInt8(ascii: "{")) }
  }

  mutating func add(_ key: String, _ value: String) {
    switch format {
    case .json:
      if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
      quote(key)
      bytes.append(UInt8(ascii: ":"))
      quote(value)
    case .logfmt:
      if !bytes.isEmpty { bytes.append(UInt8(ascii: " ")) }
      for byte in key.utf8 { bytes.append(LogLine.isPlain(byte) ? byte : UInt8(ascii: "_")) }
      bytes.append(UInt8(ascii: "="))
      if !value.isEmpty, value.utf8.allSatisfy(LogLine.isPlain) {
        bytes += value.utf8
      } else {
        quote(value)
      }
    }
  }

  mutating func finished() -> [UInt8] {
    if format == .json { bytes.append(UInt8(ascii: "}")) }
    bytes.append(UInt8(ascii: "\n"))
    return bytes
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    byte > 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "=") && byte != UInt8(ascii: "\\")
      && byte < 0x7f
  }

  /// As JSON does, so that no value can end its line or begin another.
  private mutating func quote(_ text: String) {
    let digits = Array("0123456789abcdef".utf8)
    bytes.append(UInt8(ascii: "\""))
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes += [UInt8(ascii: "\\"), byte]
      case 0x0a: bytes += Array("\\n".utf8)
      case 0x0d: bytes += Array("\\r".utf8)
      case 0x09: bytes += Array("\\t".utf8)
      case 0..<0x20, 0x7f: bytes += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }

  /// ISO 8601, UTC, milliseconds.
  static func text(of time: timespec) -> String {
    var seconds = time_t(time.tv_sec)
    var parts = tm()
    gmtime_r(&seconds, &parts)
    return String(unsafeUninitializedCapacity: 32) { buffer in
      var count = 0
      func put(_ number: Int32, digits: Int, then mark: UInt8) {
        var rest = max(0, number)
        for i in (0..<digits).reversed() {
          buffer[count + i] = UInt8(ascii: "0") + UInt8(rest % 10)
          rest /= 10
        }
        buffer[count + digits] = mark
        count += digits + 1
      }
      put(parts.tm_year + 1900, digits: 4, then: UInt8(ascii: "-"))
      put(parts.tm_mon + 1, digits: 2, then: UInt8(ascii: "-"))
      put(parts.tm_mday, digits: 2, then: UInt8(ascii: "T"))
      put(parts.tm_hour, digits: 2, then: UInt8(ascii: ":"))
      put(parts.tm_min, digits: 2, then: UInt8(ascii: ":"))
      put(parts.tm_sec, digits: 2, then: UInt8(ascii: "."))
      put(Int32(time.tv_nsec / 1_000_000), digits: 3, then: UInt8(ascii: "Z"))
      return count
    }
  }
}
