/// A picture of a participant: a JPEG (ITU-T T.81) that passed every check (routing reference §§11.3, 15).
public struct AvatarImage: Hashable, Sendable {
  public var bytes: [UInt8]
  public var width: Int
  public var height: Int

  public init(bytes: [UInt8], width: Int, height: Int) {
    self.bytes = bytes
    self.width = width
    self.height = height
  }
}

/// What the frame header of a JPEG says, found by walking from marker to marker; nothing is decoded.
struct JPEGHeader: Hashable {
  var width: Int
  var height: Int
  var components: Int

  enum Fault: Error, Hashable, CustomStringConvertible {
    case notJPEG
    case truncated
    case noFrame
    /// Lossless, hierarchical or arithmetic coding: no browser shows them.
    case coding

    var description: String {
      switch self {
      case .notJPEG: "not a JPEG"
      case .truncated: "the JPEG is cut off"
      case .noFrame: "the JPEG has no picture in it"
      case .coding: "the JPEG uses a coding that browsers do not show"
      }
    }
  }

  init(_ bytes: [UInt8]) throws(Fault) {
    guard bytes.count >= 4, bytes[0] == 0xff, bytes[1] == 0xd8, bytes[2] == 0xff else { throw .notJPEG }
    var header: JPEGHeader?
    var i = 2
    while true {
      // §B.1.1.2: any number of fill bytes before a marker.
      guard i < bytes.count else { throw .truncated }
      guard bytes[i] == 0xff else { throw .notJPEG }
      while i < bytes.count, bytes[i] == 0xff { i += 1 }
      guard i < bytes.count else { throw .truncated }
      let marker = bytes[i]
      i += 1
      if marker == 0xd9 { throw .noFrame }
      if marker == 0x01 || (0xd0...0xd7).contains(marker) { continue }
      guard i + 2 <= bytes.count else { throw .truncated }
      let length = Int(bytes[i]) << 8 | Int(bytes[i + 1])
      guard length >= 2 else { throw .notJPEG }
      guard i + length <= bytes.count else { throw .truncated }
      switch marker {
      case 0xc0, 0xc1, 0xc2:
        guard length >= 8 else { throw .notJPEG }
        header = JPEGHeader(
          width: Int(bytes[i + 5]) << 8 | Int(bytes[i + 6]),
          height: Int(bytes[i + 3]) << 8 | Int(bytes[i + 4]), components: Int(bytes[i + 7]))
      case 0xc3, 0xc5...0xc7, 0xc9...0xcb, 0xcd...0xcf: throw .coding
      case 0xda:
        // The picture data: somewhere behind it the end must come.
        guard let header else { throw .noFrame }
        var j = bytes.count - 1
        while j > i + length, bytes[j] != 0xd9 || bytes[j - 1] != 0xff { j -= 1 }
        guard j > i + length else { throw .truncated }
        self = header
        return
      default: break
      }
      i += length
    }
  }

  private init(width: Int, height: Int, components: Int) {
    self.width = width
    self.height = height
    self.components = components
  }
}

extension FieldReader {
  /// Nil, and noted why, unless the body is a JPEG of exactly the size asked for, in colour and not CMYK.
  mutating func avatar(_ body: [UInt8], width: Int, height: Int) -> AvatarImage? {
    let header: JPEGHeader
    do throws(JPEGHeader.Fault) {
      header = try JPEGHeader(body)
    } catch {
      note("", .notImage(error.description))
      return nil
    }
    guard header.width == width, header.height == height else {
      note("", .notImage("the picture is \(header.width)×\(header.height), asked for was \(width)×\(height)"))
      return nil
    }
    // A JPEG has no alpha channel: four components are CMYK, one is grey.
    guard header.components == 3 else {
      note(
        "", .notImage(header.components == 4 ? "the picture is CMYK" : "the picture is not RGB"))
      return nil
    }
    return AvatarImage(bytes: body, width: width, height: height)
  }
}
