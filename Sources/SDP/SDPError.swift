/// Why a session description was refused, and on which line of it (RFC 8866).
public struct SDPError: Error, Hashable, Sendable, CustomStringConvertible {
  public enum Reason: Hashable, Sendable {
    /// The body does not begin with a `v=` line.
    case notSDP
    /// `v=` names a version other than 0.
    case unsupportedVersion
    /// A line is not of the form `x=value`.
    case malformedLine
    /// A line holds a NUL byte (RFC 8866 §9 excludes it from every value).
    case nulByte
    case malformedOrigin
    case malformedConnection
    case malformedBandwidth
    case malformedMedia
    /// The port of an `m=` line, or of an `a=rtcp` line, is not 0 to 65535.
    case portOutOfRange
    /// An RTP stream lists a format that is not a payload type from 0 to 127.
    case malformedPayloadType
    /// A stream with a port lists no format.
    case noFormats
    /// A stream with a port has no `c=` line, neither of its own nor of the session (RFC 8866 §5.7).
    case noConnection
    /// Every stream with a port is at a host name that was not resolved.
    case unresolvedHost
    /// A limit of ``SDPLimits`` is exceeded.
    case limit(SDPLimits.Kind)
  }

  public var reason: Reason
  /// The line, from 1; 0 when the fault is of the body as a whole.
  public var line: Int

  public init(_ reason: Reason, line: Int = 0) {
    self.reason = reason
    self.line = line
  }

  /// One sentence that never repeats what the peer sent, which may hold keys.
  public var description: String {
    let text =
      switch reason {
      case .notSDP: "no v= line at the start"
      case .unsupportedVersion: "v= is not 0"
      case .malformedLine: "line is not of the form x=value"
      case .nulByte: "NUL byte"
      case .malformedOrigin: "malformed o= line"
      case .malformedConnection: "malformed c= line"
      case .malformedBandwidth: "malformed b= line"
      case .malformedMedia: "malformed m= line"
      case .portOutOfRange: "port out of range"
      case .malformedPayloadType: "payload type is not 0 to 127"
      case .noFormats: "m= line lists no format"
      case .noConnection: "no c= line applies to the stream"
      case .unresolvedHost: "host name in c= is not resolved"
      case .limit(let kind): "too \(kind == .size || kind == .lineLength ? "long" : "many"): \(kind.rawValue)"
      }
    return line == 0 ? "SDP: \(text)" : "SDP line \(line): \(text)"
  }
}

/// How much a peer may send before the body is refused. Each limit is the largest value that is still taken.
public struct SDPLimits: Hashable, Sendable {
  public enum Kind: String, Hashable, Sendable {
    case size, lines, lineLength, streams, formats, attributes
  }

  /// Bytes of the whole body.
  public var size: Int
  /// Lines, the blank ones not counted.
  public var lines: Int
  /// Bytes of one line without its line end.
  public var lineLength: Int
  /// `m=` lines.
  public var streams: Int
  /// Formats of one `m=` line.
  public var formats: Int
  /// `a=` lines of the session, and of each `m=` line.
  public var attributes: Int

  /// The defaults leave room for browsers, whose offers reach 10 kB, 60 formats and 200 attributes a stream.
  public init(
    size: Int = 65_535, lines: Int = 2_000, lineLength: Int = 8_192, streams: Int = 64, formats: Int = 128,
    attributes: Int = 512
  ) {
    self.size = size
    self.lines = lines
    self.lineLength = lineLength
    self.streams = streams
    self.formats = formats
    self.attributes = attributes
  }

  public static let standard = SDPLimits()
}
