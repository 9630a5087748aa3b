import AudioBridge
import CallModel
import PolicyEngine

/// Where recordings of conferences are written.
public protocol RecordingStore: AnyObject {
  /// Makes a file under a name that no file has yet (``RecordingName``). That may take its time: the signalling loop does not
  /// wait for a disk.
  ///
  /// - Parameter then: called on the loop, after this method has returned.
  func makeFile(
    for conference: String, at time: WallClock,
    then: @escaping (Result<RecordingFile, BridgeRecordingError>) -> Void)
}

/// What the file of a recording is called: `Weekly_meeting-20260131T120000Z.ogg`, after the conference and when it began.
public struct RecordingName: Hashable, Sendable {
  private let stem: String

  /// Bytes of a conference's name that are used.
  static let maximumLength = 100
  /// Files of one conference and second.
  public static let maximumCopies = 100

  public init(conference: String, at time: WallClock) {
    // Nothing that means something to a file system or a shell, and nothing hidden.
    var bytes = conference.utf8.prefix(RecordingName.maximumLength).map { byte -> UInt8 in
      switch byte {
      case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "@"):
        byte
      default: UInt8(ascii: "_")
      }
    }
    if let first = bytes.first, first == UInt8(ascii: ".") || first == UInt8(ascii: "-") {
      bytes[0] = UInt8(ascii: "_")
    }
    if bytes.isEmpty { bytes = Array("conference".utf8) }
    let clock = time.iso8601.prefix(19).filter { $0 != "-" && $0 != ":" }
    stem = String(decoding: bytes, as: UTF8.self) + "-\(clock)Z"
  }

  /// - Parameter copy: from 1; told apart from the second on.
  public func file(copy: Int) -> String { copy > 1 ? "\(stem)-\(copy).ogg" : "\(stem).ogg" }
}
