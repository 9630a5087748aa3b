import CallModel

/// The payload types that mean something without an `rtpmap` line (RFC 3551 §6, tables 4 and 5).
enum StaticPayloadType {
  /// Name, clock rate in Hz and channels; nil for a type that is unassigned, reserved or dynamic.
  static func codec(_ payloadType: UInt8) -> (name: String, clockRate: Int, channels: Int)? {
    switch payloadType {
    case 0: ("PCMU", 8000, 1)
    case 3: ("GSM", 8000, 1)
    case 4: ("G723", 8000, 1)
    case 5: ("DVI4", 8000, 1)
    case 6: ("DVI4", 16000, 1)
    case 7: ("LPC", 8000, 1)
    case 8: ("PCMA", 8000, 1)
    // Samples at 16 kHz; 8000 is an old error kept for compatibility (RFC 3551 §4.5.2).
    case 9: ("G722", 8000, 1)
    case 10: ("L16", 44100, 2)
    case 11: ("L16", 44100, 1)
    case 12: ("QCELP", 8000, 1)
    case 13: ("CN", 8000, 1)
    case 14: ("MPA", 90000, 1)
    case 15: ("G728", 8000, 1)
    case 16: ("DVI4", 11025, 1)
    case 17: ("DVI4", 22050, 1)
    case 18: ("G729", 8000, 1)
    case 25: ("CelB", 90000, 1)
    case 26: ("JPEG", 90000, 1)
    case 28: ("nv", 90000, 1)
    case 31: ("H261", 90000, 1)
    case 32: ("MPV", 90000, 1)
    case 33: ("MP2T", 90000, 1)
    case 34: ("H263", 90000, 1)
    default: nil
    }
  }
}
